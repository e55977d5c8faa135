namespace Tessera.Extensions.AI;

/// <summary>
/// Calls as a JSON object, or a list of them, between two tags: Hermes 2 Pro, Qwen 2.5 and 3, Granite 4 (<c>&lt;tool_call&gt;</c>),
/// Phi-4-mini (<c>&lt;|tool_call|&gt;</c>), Nemotron Nano 2 (<c>&lt;TOOLCALL&gt;</c>), by their chat templates.
/// </summary>
/// <param name="opening">The tag before.</param>
/// <param name="closing">The tag behind, which models may leave out.</param>
internal sealed class JsonCallFormat(string opening, string closing) : ToolCallFormat
{
    /// <summary>What stands between the tag and the JSON.</summary>
    public string BeforeJson { get; init; } = "";

    /// <summary>Whether calls are a list.</summary>
    public bool IsList { get; init; }

    public override string Opening => opening;

    public override IReadOnlyList<string> Tokens => [opening, closing];

    public override string StartOf(string? function) =>
        $"{opening}{BeforeJson}{(IsList ? "[" : "")}{{\"name\": \"{(function is null ? "" : $"{function}\", \"arguments\": ")}";

    public override CallReading Read(string body, bool atEnd)
    {
        int start = body.Length - body.AsSpan().TrimStart().Length;
        if (start == body.Length) return atEnd ? CallReading.NoCall : CallReading.Unfinished;
        int close = body.IndexOf(closing, StringComparison.Ordinal);
        int end = body[start] is '{' or '[' ? JsonExtent.EndOf(body, start) : start;
        if (end == start) return CallReading.NoCall;
        if (end > 0) return TagBehind(body, end, atEnd) is int behind and >= 0 ? CallReading.Of(behind, ParsedCall.FromJson(body[start..end])) : CallReading.Unfinished;
        if (close < 0 && !atEnd) return CallReading.Unfinished;

        // The JSON has no end of its own: the tag, or the answer's end, is where the call is over.
        int over = close >= 0 ? close : body.Length;
        return CallReading.Of(close >= 0 ? close + closing.Length : over, ParsedCall.FromJson(body[start..over]));
    }

    // The index behind the closing tag, or behind the JSON where there is none; -1 while it may still come.
    private int TagBehind(string body, int end, bool atEnd)
    {
        ReadOnlySpan<char> rest = body.AsSpan(end).TrimStart();
        if (rest.StartsWith(closing, StringComparison.Ordinal)) return body.Length - rest.Length + closing.Length;
        return !atEnd && closing.AsSpan().StartsWith(rest, StringComparison.Ordinal) ? -1 : end;
    }
}
