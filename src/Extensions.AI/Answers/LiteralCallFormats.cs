namespace Tessera.Extensions.AI;

/// <summary>Calls of LFM2 as Python writes them: <c>&lt;|tool_call_start|&gt;[name(key="text", other=2)]&lt;|tool_call_end|&gt;</c>, by
/// their chat templates.</summary>
internal sealed class PythonCallFormat()
    : ToolCallFormat(
        new CallSyntax("<|tool_call_start|>[", "", "(", ")", ", ", "]<|tool_call_end|>")
        {
            Arguments = new ArgumentSyntax("", "=", "", "") { Separator = ", ", HasJsonText = true },
        }
    )
{
    private const string Closing = "<|tool_call_end|>";

    public override string Opening => "<|tool_call_start|>";

    public override IReadOnlyList<string> Tokens => [Opening, Closing];

    public override bool IsToldIn(string prompt) => prompt.Contains("List of tools: ", StringComparison.Ordinal);

    public override CallReading Read(string body, bool atEnd, OfferedTools tools)
    {
        int close = body.IndexOf(Closing, StringComparison.Ordinal);
        if (close < 0 && !atEnd)
            return CallReading.Unfinished;
        int over = close < 0 ? body.Length : close;
        var reader = new LiteralReader(body[..over]);
        var calls = new List<ParsedCall>();
        if (!reader.TrySkip('['))
            return CallReading.NoCall;
        do
        {
            string name = reader.Name();
            if (name.Length is 0 or > MaxNameLength || !reader.TrySkip('('))
                break;
            int start = reader.Position;
            if (ArgumentsAt(body[..over], ref start) is not string json)
            {
                calls.Add(new ParsedCall(null, name, null, new ToolCallFormatException(body[..over])));
                break;
            }

            calls.Add(ParsedCall.Of(null, name, json));
            reader.Position = start;
        } while (calls.Count < MaxCallCount && reader.TrySkip(','));
        return CallReading.Of(close < 0 ? over : close + Closing.Length, calls);
    }

    private static string? ArgumentsAt(string text, ref int position)
    {
        var reader = new LiteralReader(text) { Position = position };
        reader.Write("{");
        for (bool isFirst = true; !reader.TrySkip(')'); isFirst = false)
        {
            if (!isFirst && !reader.TrySkip(','))
                return null;
            if (!isFirst)
                reader.Write(",");
            string key = reader.Name();
            if (key.Length == 0 || !reader.TrySkip('='))
                return null;
            reader.WriteText(key);
            reader.Write(":");
            if (!reader.TryValue())
                return null;
        }

        position = reader.Position;
        return reader.Json + "}";
    }
}

/// <summary>
/// Calls of Gemma 4: <c>&lt;|tool_call&gt;call:name{key:&lt;|"|&gt;text&lt;|"|&gt;,other:2}&lt;tool_call|&gt;</c>, by its chat template. A
/// grammar writes objects and lists among the arguments as JSON.
/// </summary>
internal sealed class GemmaCallFormat()
    : ToolCallFormat(
        new CallSyntax("", "<|tool_call>call:", "{", "}<tool_call|>", "", "")
        {
            Arguments = new ArgumentSyntax("", ":", "", "") { Separator = ",", TextQuote = "<|\"|>" },
        }
    )
{
    private const string Closing = "<tool_call|>";

    public override string Opening => "<|tool_call>";

    public override IReadOnlyList<string> Tokens => [Opening, Closing, "<|\"|>"];

    public override CallReading Read(string body, bool atEnd, OfferedTools tools)
    {
        int close = body.IndexOf(Closing, StringComparison.Ordinal);
        if (close < 0 && !atEnd)
            return CallReading.Unfinished;
        string call = body[..(close < 0 ? body.Length : close)].Trim();
        int brace = call.IndexOf('{', StringComparison.Ordinal);
        if (!call.StartsWith("call:", StringComparison.Ordinal) || brace is < 0 or > MaxNameLength)
            return CallReading.NoCall;
        string name = call["call:".Length..brace].Trim();
        if (name.Length == 0)
            return CallReading.NoCall;
        var reader = new LiteralReader(call) { Position = brace };
        ParsedCall parsed =
            reader.TryValue() && reader.IsOver
                ? ParsedCall.Of(null, name, reader.Json)
                : new ParsedCall(null, name, null, new ToolCallFormatException(call));
        return CallReading.Of(close < 0 ? body.Length : close + Closing.Length, [parsed]);
    }
}
