namespace Tessera.Extensions.AI;

/// <summary>The texts around the parts of calls.</summary>
/// <param name="SectionStart">Before all calls; empty for none.</param>
/// <param name="CallStart">Before a function.</param>
/// <param name="NameEnd">Behind a function; where it is only white space, the function ends with its line or at the next tag.</param>
/// <param name="CallEnd">Behind a call's arguments.</param>
/// <param name="SectionEnd">Behind all calls.</param>
internal sealed record CallMarks(string SectionStart, string CallStart, string NameEnd, string CallEnd, string SectionEnd)
{
    /// <summary>What stands between calls.</summary>
    public string Between { get; init; } = "";

    /// <summary>Whether each call has a section of its own.</summary>
    public bool IsSectionEach { get; init; }

    /// <summary>How arguments are written one by one; null for a JSON object.</summary>
    public ArgumentSyntax? Arguments { get; init; }

    /// <summary>The calls as they are written.</summary>
    public CallSyntax Syntax =>
        (
            IsSectionEach
                ? new CallSyntax("", SectionStart + CallStart, NameEnd, CallEnd + SectionEnd, Between, "")
                : new CallSyntax(SectionStart, CallStart, NameEnd, CallEnd, Between, SectionEnd)
        ) with
        {
            Arguments = Arguments,
        };
}

/// <summary>Calls with the function outside of its arguments, which are a JSON object or tags. The rows are by the models' chat
/// templates.</summary>
/// <param name="marks">The texts around the parts.</param>
internal sealed class MarkedCallFormat(CallMarks marks) : ToolCallFormat(marks.Syntax)
{
    private const string Parameter = "<parameter=";
    private readonly string sectionStart = marks.SectionStart.Trim(),
        sectionEnd = marks.SectionEnd.Trim(),
        callEnd = marks.CallEnd.Trim();
    private readonly TaggedArguments? arguments = marks.Arguments is { } tags ? new TaggedArguments(tags, marks.CallEnd.Trim()) : null;

    /// <summary>DeepSeek R1 and V3: JSON in a block of code.</summary>
    public static MarkedCallFormat DeepSeekR1 { get; } =
        new(
            new(
                "<｜tool▁calls▁begin｜>",
                "<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
                "\n```json\n",
                "\n```<｜tool▁call▁end｜>",
                "<｜tool▁calls▁end｜>"
            )
            {
                Between = "\n",
            }
        );

    /// <summary>DeepSeek V3.1.</summary>
    public static MarkedCallFormat DeepSeekV31 { get; } =
        new(new("<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>"));

    /// <summary>Kimi K2: the function's place among the calls stands behind it, and both are the call's id.</summary>
    public static MarkedCallFormat Kimi { get; } =
        new(
            new(
                "<|tool_calls_section_begin|>",
                "<|tool_call_begin|>functions.",
                ":0<|tool_call_argument_begin|>",
                "<|tool_call_end|>",
                "<|tool_calls_section_end|>"
            )
        )
        {
            Header = new CallHeader("<|tool_call_argument_begin|>") { IdPrefix = "functions." },
            KeepsIds = true,
        };

    /// <summary>Solar Open: an id before the function.</summary>
    public static MarkedCallFormat Solar { get; } =
        new(new("<|tool_calls|>", "<|tool_call:begin|>0<|tool_call:name|>", "<|tool_call:args|>", "<|tool_call:end|>", "<|calls|>"))
        {
            CallStart = "<|tool_call:begin|>",
            Header = new CallHeader("<|tool_call:args|>") { IdEnd = "<|tool_call:name|>" },
        };

    /// <summary>Functionary 3.1.</summary>
    public static MarkedCallFormat Functionary { get; } = new(new("", "<function=", ">", "</function>", ""));

    /// <summary>Qwen3-Coder, Qwen 3.5, Nemotron 3, Step 3.5.</summary>
    public static MarkedCallFormat Qwen3Coder { get; } =
        new(
            new("<tool_call>\n", "<function=", ">\n", "</function>", "\n</tool_call>")
            {
                IsSectionEach = true,
                Between = "\n",
                Arguments = new ArgumentSyntax(Parameter, ">\n", "", "\n</parameter>\n"),
            }
        );

    /// <summary>Seed-OSS.</summary>
    public static MarkedCallFormat Seed { get; } =
        new(
            new("<seed:tool_call>\n", "<function=", ">\n", "</function>", "\n</seed:tool_call>")
            {
                IsSectionEach = true,
                Between = "\n",
                Arguments = new ArgumentSyntax(Parameter, ">", "", "</parameter>\n"),
            }
        );

    /// <summary>GLM 4.5 to 4.7, Ling 3, Laguna, Spark 2.5.</summary>
    public static MarkedCallFormat Glm { get; } =
        new(
            new("", "<tool_call>", "\n", "</tool_call>", "")
            {
                Between = "\n",
                Arguments = new ArgumentSyntax("<arg_key>", "</arg_key>\n", "<arg_value>", "</arg_value>\n"),
            }
        );

    /// <summary>MiniMax M2.</summary>
    public static MarkedCallFormat MiniMaxM2 { get; } =
        new(
            new("<minimax:tool_call>\n", "<invoke name=\"", "\">\n", "</invoke>\n", "</minimax:tool_call>")
            {
                Arguments = new ArgumentSyntax("<parameter name=\"", "\"", ">", "</parameter>\n"),
            }
        );

    /// <summary>MiniCPM 5.</summary>
    public static MarkedCallFormat MiniCpm { get; } =
        new(
            new("", "<function name=\"", "\">", "</function>", "")
            {
                Between = "\n",
                Arguments = new ArgumentSyntax("<param name=\"", "\"", ">", "</param>"),
            }
        );

    /// <summary>DeepSeek V3.2 and V4.</summary>
    /// <param name="section">What the block of calls is called.</param>
    public static MarkedCallFormat DeepSeek(string section) =>
        new(
            new($"<｜DSML｜{section}>\n", "<｜DSML｜invoke name=\"", "\">\n", "</｜DSML｜invoke>\n", $"</｜DSML｜{section}>")
            {
                Arguments = new ArgumentSyntax("<｜DSML｜parameter name=\"", "\"", ">", "</｜DSML｜parameter>\n")
                {
                    TextMark = " string=\"true\"",
                    JsonMark = " string=\"false\"",
                },
            }
        );

    /// <summary>What begins a call.</summary>
    private string CallStart { get; init; } = marks.CallStart.Trim();

    /// <summary>How a function and the id of its call are told.</summary>
    private CallHeader Header { get; init; } = new(marks.NameEnd.Trim());

    public override string Opening => sectionStart.Length > 0 ? sectionStart : CallStart;

    public override IReadOnlyList<string> Tokens { get; } = TokensOf(marks);

    public override CallReading Read(string body, bool atEnd, OfferedTools tools)
    {
        var calls = new List<ParsedCall>();
        int position = 0;
        bool isOpen = sectionStart.Length == 0;
        while (true)
        {
            int next = isOpen ? position : SkipSpace(body, position);
            if (!isOpen)
            {
                if (Begins(body, next, sectionEnd))
                    return CallReading.Of(next + sectionEnd.Length, calls);
                if (!Begins(body, next, CallStart) || calls.Count == MaxCallCount)
                    return !atEnd && (MayBegin(body, next, sectionEnd) || MayBegin(body, next, CallStart))
                        ? CallReading.Unfinished
                        : CallReading.Of(position, calls);
                next += CallStart.Length;
            }

            (int end, ParsedCall? call) = ReadCall(body, next, atEnd, tools);
            if (end < 0)
                return CallReading.Unfinished;
            if (call is null)
                return CallReading.Of(position, calls);
            calls.Add(call);
            (position, isOpen) = (end, false);
            if (sectionStart.Length == 0)
                return CallReading.Of(end, calls);
        }
    }

    // The index behind a call: 0 for no call, negative while more is needed.
    private (int End, ParsedCall? Call) ReadCall(string body, int start, bool atEnd, OfferedTools tools)
    {
        if (!Header.TryRead(body, start, atEnd, out int position, out string? id, out string name))
            return (position, null);
        return arguments is null ? ReadJson(body, position, id, name, atEnd) : arguments.Read(body, position, id, name, atEnd, tools);
    }

    private (int End, ParsedCall? Call) ReadJson(string body, int position, string? id, string name, bool atEnd)
    {
        int start = SkipSpace(body, position);
        int end = start < body.Length && body[start] == '{' ? JsonExtent.EndOf(body, start) : -1;
        if (end >= 0)
        {
            int behind = SkipSpace(body, end);
            if (Begins(body, behind, callEnd))
                return (behind + callEnd.Length, ParsedCall.Of(id, name, body[start..end]));
            return !atEnd && MayBegin(body, behind, callEnd) ? (-1, null) : (end, ParsedCall.Of(id, name, body[start..end]));
        }

        // The JSON has no end of its own: the tag, or the answer's end, is where the call is over.
        int close = body.IndexOf(callEnd, position, StringComparison.Ordinal);
        if (close < 0 && !atEnd)
            return (-1, null);
        int over = close >= 0 ? close : body.Length;
        return (close >= 0 ? close + callEnd.Length : over, ParsedCall.Of(id, name, body[position..over]));
    }

    private static IReadOnlyList<string> TokensOf(CallMarks marks)
    {
        string[] texts =
        [
            marks.SectionStart,
            marks.CallStart,
            marks.NameEnd,
            marks.CallEnd,
            marks.SectionEnd,
            .. marks.Arguments is { } tags ? (string[])[tags.KeyStart, tags.KeyEnd, tags.ValueStart, tags.ValueEnd] : [],
        ];
        return [.. texts.SelectMany(static text => ControlTokens.In(text)).Distinct()];
    }
}
