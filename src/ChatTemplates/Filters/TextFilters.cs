using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>The filters that make text.</summary>
internal static class TextFilters
{
    private const int MaxIndent = 1000;

    /// <summary>A filter without arguments that maps the value's text and keeps its markup flag.</summary>
    public static Filter Mapping(string name, Func<string, string> map) =>
        (state, value, arguments) =>
        {
            arguments.RequireCount(name, 0, 0);
            return Like(value, state.Text(map(state.ToText(value))).Text);
        };

    public static TemplateValue Trim(RenderState state, TemplateValue value, CallArguments arguments)
    {
        string? characters = CallArguments.OptionalText(arguments.Bind("trim", "chars")[0], "trim");
        return Like(value, state.Text(PythonText.Strip(state.ToText(value), characters, atStart: true, atEnd: true)).Text);
    }

    public static TemplateValue Replace(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("replace", "old", "new", "count");
        string old = state.ToText(bound[0] ?? throw new TemplateFault("replace() misses an argument"));
        string replacement = state.ToText(bound[1] ?? throw new TemplateFault("replace() misses an argument"));
        int most = bound[2] is null or NoneValue ? -1 : CallArguments.Integer(bound[2], "replace");
        return new StringValue(TextSearch.Replace(state, state.ToText(value), old, replacement, most));
    }

    public static TemplateValue Join(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("join", "d", "attribute");
        string separator = bound[0] is null ? "" : state.ToText(bound[0]!);
        AttributePath path = AttributePath.Parse(bound[1]);
        StringBuilder text = new();
        bool isFirst = true;
        foreach (TemplateValue item in state.Iterate(value))
        {
            text.Append(isFirst ? "" : separator).Append(state.ToText(path.Get(state, item)));
            isFirst = false;
            state.Meter.RequireLength(text.Length);
        }
        return state.Text(text.ToString());
    }

    public static TemplateValue Indent(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("indent", "width", "first", "blank");
        if (value is not StringValue source)
            throw value is UndefinedValue undefined ? undefined.Fail() : new TemplateFault($"indent() needs a str, not {value.TypeName}");
        string indent = bound[0] is StringValue given ? given.Text : Blanks(CallArguments.Integer(bound[0], "indent", 4));
        bool indentsBlank = bound[2]?.IsTrue ?? false;
        List<string> lines = PythonText.SplitLines(source.Text + "\n");
        state.Meter.RequireLength(source.Text.Length + ((long)lines.Count * indent.Length));
        IEnumerable<string> indented = lines.Select((line, index) => index > 0 && (indentsBlank || line.Length > 0) ? indent + line : line);
        string text = (bound[1]?.IsTrue ?? false ? indent : "") + string.Join('\n', indented);
        return Like(value, state.Text(text).Text);
    }

    public static TemplateValue Center(RenderState state, TemplateValue value, CallArguments arguments)
    {
        int width = CallArguments.Integer(arguments.Bind("center", "width")[0], "center", 80);
        return Like(value, StringMethods.Centered(state, state.ToText(value), new FormatSpec { Width = Math.Max(0, width) }));
    }

    public static TemplateValue Truncate(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("truncate", "length", "killwords", "end", "leeway");
        int length = CallArguments.Integer(bound[0], "truncate", 255),
            leeway = CallArguments.Integer(bound[3], "truncate", 5);
        string end = bound[2] is null ? "..." : CallArguments.Text(bound[2], "truncate");
        if (length < PythonText.Length(end) || leeway < 0)
            throw new TemplateFault($"truncate() needs a length of at least that of its end, got {length}");
        string text = CallArguments.Text(value, "truncate");
        if (PythonText.Length(text) <= (long)length + leeway)
            return value;
        string cut = PythonText.Slice(text, new SliceBounds(null, length - PythonText.Length(end), null));
        int lastBlank = cut.LastIndexOf(' ');
        return state.Text((bound[1]?.IsTrue ?? false) || lastBlank < 0 ? cut + end : cut[..lastBlank] + end);
    }

    public static TemplateValue WordCount(RenderState state, TemplateValue value, CallArguments arguments)
    {
        int count = 0;
        bool isInWord = false;
        foreach (Rune rune in state.ToText(value).EnumerateRunes())
        {
            bool belongsToWord = Rune.IsLetterOrDigit(rune) || rune.Value == '_';
            count += belongsToWord && !isInWord ? 1 : 0;
            isInWord = belongsToWord;
        }
        return new IntegerValue(count);
    }

    public static TemplateValue Format(RenderState state, TemplateValue value, CallArguments arguments)
    {
        if (arguments.Positional.Count > 0 && arguments.Named.Count > 0)
            throw new TemplateFault("can't handle positional and keyword arguments at the same time");
        StringValue format = value as StringValue ?? state.Text(state.ToText(value));
        return PercentFormat.Apply(
            state,
            format,
            arguments.Named.Count > 0
                ? TemplateValue.Map(arguments.Named.Select(entry => (entry.Key, entry.Value)))
                : new ListValue(arguments.Positional, SequenceKind.Tuple)
        );
    }

    public static TemplateValue Safe(RenderState state, TemplateValue value, CallArguments arguments) =>
        new StringValue(state.ToText(value), isMarkup: true);

    public static TemplateValue Escape(RenderState state, TemplateValue value, CallArguments arguments) =>
        value is StringValue { IsMarkup: true } ? value : ForceEscape(state, value, arguments);

    public static TemplateValue ForceEscape(RenderState state, TemplateValue value, CallArguments arguments) =>
        new StringValue(state.Text(StringValue.Escape(state.ToText(value))).Text, isMarkup: true);

    public static TemplateValue ToJson(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("tojson", "ensure_ascii", "indent", "separators", "sort_keys");
        string? indent = JsonIndent(bound[1]);
        (string Item, string Key)? separators = bound[2] is null or NoneValue ? null : JsonSeparators(state, bound[2]!);
        JsonWriter writer = new(state.Meter)
        {
            EnsureAscii = bound[0]?.IsTrue ?? false,
            Indent = indent,
            SortKeys = bound[3]?.IsTrue ?? false,
            ItemSeparator = separators?.Item ?? (indent is null ? ", " : ","),
            KeySeparator = separators?.Key ?? ": ",
        };
        return state.Text(writer.Write(value));
    }

    private static string? JsonIndent(TemplateValue? value) =>
        value switch
        {
            null or NoneValue => null,
            StringValue text => text.Text,
            _ => Blanks(CallArguments.Integer(value, "tojson")),
        };

    private static (string Item, string Key) JsonSeparators(RenderState state, TemplateValue value)
    {
        TemplateValue[] parts = [.. state.Iterate(value).Take(3)];
        return parts.Length == 2
            ? (CallArguments.Text(parts[0], "tojson"), CallArguments.Text(parts[1], "tojson"))
            : throw new TemplateFault("tojson() needs two separators");
    }

    private static string Blanks(int count) =>
        count <= MaxIndent ? new string(' ', Math.Max(0, count)) : throw new TemplateFault($"an indent of {count} is too wide");

    private static StringValue Like(TemplateValue source, string text) => new(text, source is StringValue { IsMarkup: true });
}
