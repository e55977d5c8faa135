namespace Tessera.Extensions.AI;

/// <summary>
/// Calls of Mistral's models: <c>[TOOL_CALLS]</c> with a list of JSON objects (tokenizers v2 and v3), or with each call as
/// <c>name[ARGS]{…}</c>, an id between them or not (v11 and v13; mistral-common).
/// </summary>
/// <param name="hasHeader">Whether the model writes the name before its arguments.</param>
internal sealed class MistralCallFormat(bool hasHeader)
    : ToolCallFormat(hasHeader ? new CallSyntax("", "[TOOL_CALLS]", "[ARGS]", "", "", "") : CallSyntax.Json("[TOOL_CALLS][", "]", ", "))
{
    private const string Arguments = "[ARGS]";
    private const string CallId = "[CALL_ID]";
    private const int MaxHeaderLength = 256;

    public override string Opening => "[TOOL_CALLS]";

    public override IReadOnlyList<string> Tokens => [Opening, Arguments, CallId];

    public override CallReading Read(string body, bool atEnd, OfferedTools tools)
    {
        int start = body.Length - body.AsSpan().TrimStart().Length;
        if (start == body.Length)
            return atEnd ? CallReading.NoCall : CallReading.Unfinished;
        if (body[start] is '[' or '{')
            return ReadJson(body, start, atEnd);
        int open = body.IndexOf('{', start);
        if (open < 0)
            return atEnd || body.Length - start > MaxHeaderLength ? CallReading.NoCall : CallReading.Unfinished;
        if (open - start > MaxHeaderLength)
            return CallReading.NoCall;
        int end = JsonExtent.EndOf(body, open);
        if (end < 0 && !atEnd)
            return CallReading.Unfinished;
        (string name, string? id) = Header(body[start..open]);
        return name.Length == 0
            ? CallReading.NoCall
            : CallReading.Of(end < 0 ? body.Length : end, [ParsedCall.Of(id, name, end < 0 ? body[open..] : body[open..end])]);
    }

    private static CallReading ReadJson(string body, int start, bool atEnd)
    {
        int end = JsonExtent.EndOf(body, start);
        if (end < 0 && !atEnd)
            return CallReading.Unfinished;
        return end < 0
            ? CallReading.Of(body.Length, ParsedCall.FromJson(body[start..]))
            : CallReading.Of(end, ParsedCall.FromJson(body[start..end]));
    }

    private static (string Name, string? Id) Header(string header)
    {
        header = header.Replace(Arguments, "", StringComparison.Ordinal);
        int id = header.IndexOf(CallId, StringComparison.Ordinal);
        return id < 0 ? (header.Trim(), null) : (header[..id].Trim(), header[(id + CallId.Length)..].Trim());
    }
}
