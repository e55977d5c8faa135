namespace Tessera.Extensions.AI;

/// <summary>Calls as a JSON object each, or a list of them, between two tags. The rows are by the models' chat templates.</summary>
/// <param name="opening">The tag before.</param>
/// <param name="closing">The tag behind, which models may leave out; empty for none.</param>
/// <param name="syntax">The calls as the template writes them.</param>
internal sealed class JsonCallFormat(string opening, string closing, CallSyntax syntax) : ToolCallFormat(syntax)
{
    /// <summary>Hermes 2 Pro, Qwen 2.5 and 3, Granite 4, SmolLM3.</summary>
    public static JsonCallFormat Hermes { get; } = Tagged("<tool_call>\n", "\n</tool_call>");

    /// <summary>Nemotron Nano 2.</summary>
    public static JsonCallFormat Nemotron { get; } = List("<TOOLCALL>[", "]</TOOLCALL>");

    /// <summary>Apriel 1.5 and 1.6.</summary>
    public static JsonCallFormat Apriel { get; } = List("<tool_calls>[", "]</tool_calls>");

    /// <summary>MiniMax M1: an object on each line.</summary>
    public static JsonCallFormat MiniMaxM1 { get; } =
        new("<tool_calls>", "</tool_calls>", CallSyntax.Json("<tool_calls>\n", "\n</tool_calls>", "\n")) { HasLines = true };

    /// <summary>Command R7B and later.</summary>
    public static JsonCallFormat Cohere { get; } =
        new(
            "<|START_ACTION|>",
            "<|END_ACTION|>",
            CallSyntax.Json(
                "<|START_ACTION|>[\n    ",
                "\n]<|END_ACTION|>",
                ",\n    ",
                "\"tool_call_id\": \"0\", \"tool_name\"",
                "\"parameters\""
            )
        );

    /// <summary>Command R and R+: a block of code.</summary>
    public static JsonCallFormat CommandR { get; } =
        new(
            "Action:\n```json",
            "```",
            CallSyntax.Json("Action:\n```json\n[\n    ", "\n]\n```", ",\n    ", "\"tool_name\"", "\"parameters\"")
        );

    /// <summary>Firefunction 2: nothing ends the list.</summary>
    public static JsonCallFormat Firefunction { get; } = new("functools", "", CallSyntax.Json(" functools[", "]", ", "));

    /// <summary>GigaChat 3.1: one call.</summary>
    public static JsonCallFormat GigaChat { get; } =
        new("<|function_call|>", "<|message_sep|>", CallSyntax.Json("<|function_call|>", "", "") with { TakesSeveral = false });

    /// <summary>Apertus: the function is the key of its arguments.</summary>
    public static JsonCallFormat Apertus { get; } =
        new(
            "<|tools_prefix|>",
            "<|tools_suffix|>",
            new CallSyntax("<|tools_prefix|>[", "{\"", "\": ", "}", ", ", "]<|tools_suffix|>") { HasJsonName = true }
        )
        {
            IsNamedByKey = true,
        };

    /// <summary>Phi-4-mini and Granite 3.3.</summary>
    /// <param name="isList">Whether calls are a list.</param>
    public static JsonCallFormat Phi(bool isList) =>
        isList
            ? new("<|tool_call|>", "<|/tool_call|>", CallSyntax.Json("<|tool_call|>[", "]", ", "))
            : Tagged("<|tool_call|>", "<|/tool_call|>");

    /// <summary>Whether several objects follow each other between the tags.</summary>
    public bool HasLines { get; init; }

    /// <summary>Whether a call is an object whose only key is the function.</summary>
    public bool IsNamedByKey { get; init; }

    public override string Opening => opening;

    public override IReadOnlyList<string> Tokens => [opening, closing];

    public override CallReading Read(string body, bool atEnd, OfferedTools tools)
    {
        int position = SkipSpace(body, 0);
        if (position == body.Length)
            return atEnd ? CallReading.NoCall : CallReading.Unfinished;
        if (body[position] is not ('{' or '['))
            return CallReading.NoCall;
        var calls = new List<ParsedCall>();
        while (true)
        {
            int end = JsonExtent.EndOf(body, position);
            if (end < 0)
                return ReadEndless(body, position, atEnd, calls);
            calls.AddRange(ParsedCall.FromJson(body[position..end], IsNamedByKey).Take(MaxCallCount - calls.Count));
            int behind = SkipSpace(body, end);
            if (Begins(body, behind, closing))
                return CallReading.Of(behind + closing.Length, calls);
            if (!atEnd && MayBegin(body, behind, closing))
                return CallReading.Unfinished;
            if (!HasLines || behind == body.Length || body[behind] != '{')
                return CallReading.Of(end, calls);
            position = behind;
        }
    }

    // The JSON has no end of its own: the tag, or the answer's end, is where the call is over.
    private CallReading ReadEndless(string body, int start, bool atEnd, List<ParsedCall> calls)
    {
        int close = closing.Length > 0 ? body.IndexOf(closing, start, StringComparison.Ordinal) : -1;
        if (close < 0 && !atEnd)
            return CallReading.Unfinished;
        int over = close >= 0 ? close : body.Length;
        calls.AddRange(ParsedCall.FromJson(body[start..over], IsNamedByKey).Take(MaxCallCount - calls.Count));
        return CallReading.Of(close >= 0 ? close + closing.Length : over, calls);
    }

    private static JsonCallFormat Tagged(string before, string behind)
    {
        CallSyntax json = CallSyntax.Json("", "", "\n");
        return new JsonCallFormat(
            before.Trim(),
            behind.Trim(),
            json with
            {
                BeforeName = before + json.BeforeName,
                AfterArguments = json.AfterArguments + behind,
            }
        );
    }

    private static JsonCallFormat List(string before, string behind) =>
        new(before.TrimEnd('['), behind.TrimStart(']'), CallSyntax.Json(before, behind, ", "));
}
