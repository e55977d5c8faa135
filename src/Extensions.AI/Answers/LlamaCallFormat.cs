namespace Tessera.Extensions.AI;

/// <summary>
/// Calls of Llama 3.1 to 3.3: an answer that is nothing but <c>{"name": …, "parameters": …}</c>, several of them with semicolons between,
/// also behind <c>&lt;|python_tag|&gt;</c> (their chat template).
/// </summary>
internal sealed class LlamaCallFormat() : ToolCallFormat(CallSyntax.Json("", "", "; ", arguments: "\"parameters\""))
{
    // What the object of a call may begin with; any other is an answer in JSON, which need not wait for its end.
    private static readonly string[] FirstKeys = ["\"name\"", "\"type\"", "\"function\"", "\"parameters\"", "\"arguments\"", "\"id\""];

    public override string Opening => "<|python_tag|>";

    public override string? BareOpening => "{";

    public override string Separators => " \t\r\n;";

    public override CallReading Read(string body, bool atEnd, OfferedTools tools)
    {
        int start = body.Length - body.AsSpan().TrimStart().Length;
        if (start == body.Length)
            return atEnd ? CallReading.NoCall : CallReading.Unfinished;
        if (body[start] != '{' || !MayBeCall(body.AsSpan(start + 1).TrimStart()))
            return CallReading.NoCall;
        int end = JsonExtent.EndOf(body, start);
        if (end < 0)
            return atEnd ? CallReading.Of(body.Length, ParsedCall.FromJson(body[start..])) : CallReading.Unfinished;
        string json = body[start..end];
        bool hasArguments =
            json.Contains("\"parameters\"", StringComparison.Ordinal) || json.Contains("\"arguments\"", StringComparison.Ordinal);
        return hasArguments ? CallReading.Of(end, ParsedCall.FromJson(json)) : CallReading.NoCall;
    }

    private static bool MayBeCall(ReadOnlySpan<char> inside)
    {
        foreach (string key in FirstKeys)
        {
            int length = Math.Min(key.Length, inside.Length);
            if (inside[..length].SequenceEqual(key.AsSpan(0, length)))
                return true;
        }

        return false;
    }
}
