using System.Globalization;
using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>The methods of Python's str that templates may call, one table.</summary>
internal static class StringMethods
{
    private delegate TemplateValue Method(RenderState state, StringValue self, CallArguments arguments);

    private static readonly Dictionary<string, Method> Table = new()
    {
        ["strip"] = (state, self, arguments) => Strip(state, self, arguments, atStart: true, atEnd: true),
        ["lstrip"] = (state, self, arguments) => Strip(state, self, arguments, atStart: true, atEnd: false),
        ["rstrip"] = (state, self, arguments) => Strip(state, self, arguments, atStart: false, atEnd: true),
        ["split"] = (state, self, arguments) => Split(state, self, arguments, fromEnd: false),
        ["rsplit"] = (state, self, arguments) => Split(state, self, arguments, fromEnd: true),
        ["splitlines"] = SplitLines,
        ["partition"] = (state, self, arguments) => Partition(state, self, arguments, fromEnd: false),
        ["rpartition"] = (state, self, arguments) => Partition(state, self, arguments, fromEnd: true),
        ["startswith"] = (state, self, arguments) =>
            HasEdge(state, self, arguments, "startswith", (text, edge) => text.StartsWith(edge, StringComparison.Ordinal)),
        ["endswith"] = (state, self, arguments) =>
            HasEdge(state, self, arguments, "endswith", (text, edge) => text.EndsWith(edge, StringComparison.Ordinal)),
        ["removeprefix"] = (state, self, arguments) => Remove(self, arguments.One("removeprefix"), isPrefix: true),
        ["removesuffix"] = (state, self, arguments) => Remove(self, arguments.One("removesuffix"), isPrefix: false),
        ["replace"] = Replace,
        ["join"] = Join,
        ["format"] = BraceFormat.Apply,
        ["find"] = (state, self, arguments) => new IntegerValue(Find(state, self, arguments, "find", fromEnd: false)),
        ["rfind"] = (state, self, arguments) => new IntegerValue(Find(state, self, arguments, "rfind", fromEnd: true)),
        ["index"] = (state, self, arguments) => Index(Find(state, self, arguments, "index", fromEnd: false)),
        ["rindex"] = (state, self, arguments) => Index(Find(state, self, arguments, "rindex", fromEnd: true)),
        ["count"] = Count,
        ["upper"] = Mapping("upper", PythonCase.Upper),
        ["lower"] = Mapping("lower", PythonCase.Lower),
        ["casefold"] = Mapping("casefold", PythonCase.Lower),
        ["title"] = Mapping("title", PythonCase.Title),
        ["capitalize"] = Mapping("capitalize", PythonCase.Capitalize),
        ["swapcase"] = Mapping(
            "swapcase",
            text => string.Concat(text.Select(one => char.IsUpper(one) ? char.ToLowerInvariant(one) : char.ToUpperInvariant(one)))
        ),
        ["ljust"] = (state, self, arguments) => Pad(state, self, arguments, "ljust", '<'),
        ["rjust"] = (state, self, arguments) => Pad(state, self, arguments, "rjust", '>'),
        ["center"] = (state, self, arguments) => Pad(state, self, arguments, "center", '^'),
        ["zfill"] = ZeroFill,
        ["isdigit"] = Question("isdigit", text => All(text, rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber)),
        ["isdecimal"] = Question(
            "isdecimal",
            text => All(text, rune => Rune.GetUnicodeCategory(rune) == UnicodeCategory.DecimalDigitNumber)
        ),
        ["isnumeric"] = Question("isnumeric", text => All(text, Rune.IsNumber)),
        ["isalpha"] = Question("isalpha", text => All(text, Rune.IsLetter)),
        ["isalnum"] = Question("isalnum", text => All(text, rune => Rune.IsLetter(rune) || Rune.IsNumber(rune))),
        ["isspace"] = Question("isspace", text => text.Length > 0 && text.All(PythonText.IsSpace)),
        ["isupper"] = Question("isupper", text => PythonCase.IsAll(text, UnicodeCategory.UppercaseLetter)),
        ["islower"] = Question("islower", text => PythonCase.IsAll(text, UnicodeCategory.LowercaseLetter)),
    };

    /// <summary>The method of that name bound to a string, or null.</summary>
    public static FunctionValue? Find(StringValue self, string name) =>
        !Table.TryGetValue(name, out Method? method)
            ? null
            : new FunctionValue(
                name,
                (state, arguments) =>
                {
                    state.Meter.ChargeLength(self.Text.Length);
                    return method(state, self, arguments);
                }
            );

    private static Method Mapping(string name, Func<string, string> map) =>
        (state, self, arguments) =>
        {
            arguments.RequireCount(name, 0, 0);
            return Like(self, state.Text(map(self.Text)).Text);
        };

    private static Method Question(string name, Func<string, bool> answer) =>
        (_, self, arguments) =>
        {
            arguments.RequireCount(name, 0, 0);
            return BooleanValue.Of(answer(self.Text));
        };

    private static bool All(string text, Func<Rune, bool> condition) => text.Length > 0 && text.EnumerateRunes().All(condition);

    /// <summary>A string with the markup flag of the one it comes from.</summary>
    private static StringValue Like(StringValue self, string text) => new(text, self.IsMarkup);

    private static StringValue Strip(RenderState state, StringValue self, CallArguments arguments, bool atStart, bool atEnd)
    {
        arguments.RequireCount("strip", 0, 1);
        string? characters = CallArguments.OptionalText(arguments.Positional.Count > 0 ? arguments.Positional[0] : null, "strip");
        return Like(self, state.Text(PythonText.Strip(self.Text, characters, atStart, atEnd)).Text);
    }

    private static ListValue Split(RenderState state, StringValue self, CallArguments arguments, bool fromEnd)
    {
        TemplateValue?[] bound = arguments.Bind("split", "sep", "maxsplit");
        string? separator = CallArguments.OptionalText(bound[0], "split");
        List<string> parts = TextSearch.Split(state, self.Text, separator, CallArguments.Integer(bound[1], "split", -1), fromEnd);
        return state.List([.. parts.Select(part => Like(self, part))]);
    }

    private static ListValue SplitLines(RenderState state, StringValue self, CallArguments arguments)
    {
        bool keepEnds = arguments.Bind("splitlines", "keepends")[0]?.IsTrue ?? false;
        return state.List([.. PythonText.SplitLines(self.Text, keepEnds).Select(line => Like(self, line))]);
    }

    private static ListValue Partition(RenderState state, StringValue self, CallArguments arguments, bool fromEnd)
    {
        string separator = CallArguments.Text(arguments.One("partition"), "partition");
        List<string> parts = TextSearch.Split(state, self.Text, separator, 1, fromEnd);
        string[] triple =
            parts.Count == 2 ? [parts[0], separator, parts[1]]
            : fromEnd ? ["", "", self.Text]
            : [self.Text, "", ""];
        return new ListValue([.. triple.Select(part => Like(self, part))], SequenceKind.Tuple);
    }

    private static BooleanValue HasEdge(
        RenderState state,
        StringValue self,
        CallArguments arguments,
        string function,
        Func<string, string, bool> matches
    )
    {
        arguments.RequireCount(function, 1, 3);
        string text = PythonText.Slice(self.Text, Bounds(arguments));
        IEnumerable<TemplateValue> edges = arguments.Positional[0] is ListValue { Kind: SequenceKind.Tuple } tuple
            ? state.Iterate(tuple)
            : [arguments.Positional[0]];
        return BooleanValue.Of(edges.Any(edge => matches(text, CallArguments.Text(edge, function))));
    }

    private static StringValue Remove(StringValue self, TemplateValue argument, bool isPrefix)
    {
        string edge = CallArguments.Text(argument, isPrefix ? "removeprefix" : "removesuffix");
        if (edge.Length == 0)
            return self;
        return isPrefix
            ? self.Text.StartsWith(edge, StringComparison.Ordinal)
                ? Like(self, self.Text[edge.Length..])
                : self
            : self.Text.EndsWith(edge, StringComparison.Ordinal)
                ? Like(self, self.Text[..^edge.Length])
                : self;
    }

    private static StringValue Replace(RenderState state, StringValue self, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("replace", "old", "new", "count");
        string old = CallArguments.Text(bound[0], "replace"),
            replacement = CallArguments.Text(bound[1], "replace");
        if (self.IsMarkup && bound[1] is not StringValue { IsMarkup: true })
            replacement = StringValue.Escape(replacement);
        return Like(self, TextSearch.Replace(state, self.Text, old, replacement, CallArguments.Integer(bound[2], "replace", -1)));
    }

    private static StringValue Join(RenderState state, StringValue self, CallArguments arguments)
    {
        StringBuilder joined = new();
        bool isFirst = true;
        foreach (TemplateValue item in state.Iterate(arguments.One("join")))
        {
            string part = item is StringValue text
                ? self.IsMarkup && !text.IsMarkup
                    ? StringValue.Escape(text.Text)
                    : text.Text
                : throw new TemplateFault($"sequence item: expected str instance, {item.TypeName} found");
            joined.Append(isFirst ? "" : self.Text).Append(part);
            isFirst = false;
            state.Meter.RequireLength(joined.Length);
        }
        return Like(self, state.Text(joined.ToString()).Text);
    }

    private static int Find(RenderState state, StringValue self, CallArguments arguments, string function, bool fromEnd)
    {
        arguments.RequireCount(function, 1, 3);
        return TextSearch.Find(state, self.Text, CallArguments.Text(arguments.Positional[0], function), Bounds(arguments), fromEnd);
    }

    private static IntegerValue Index(int found) => found < 0 ? throw new TemplateFault("substring not found") : new IntegerValue(found);

    private static IntegerValue Count(RenderState state, StringValue self, CallArguments arguments)
    {
        arguments.RequireCount("count", 1, 3);
        string wanted = CallArguments.Text(arguments.Positional[0], "count");
        state.Meter.ChargeSearch(self.Text.Length, wanted.Length);
        string window = PythonText.Slice(self.Text, Bounds(arguments));
        return new IntegerValue(wanted.Length == 0 ? PythonText.Length(window) + 1 : window.AsSpan().Count(wanted));
    }

    private static SliceBounds Bounds(CallArguments arguments) =>
        new(arguments.Positional.ElementAtOrDefault(1)?.AsInteger, arguments.Positional.ElementAtOrDefault(2)?.AsInteger, null);

    private static StringValue Pad(RenderState state, StringValue self, CallArguments arguments, string function, char align)
    {
        arguments.RequireCount(function, 1, 2);
        string fill = arguments.Positional.Count > 1 ? CallArguments.Text(arguments.Positional[1], function) : " ";
        if (fill.Length != 1)
            throw new TemplateFault("The fill character must be exactly one character long");
        FormatSpec spec = new()
        {
            Fill = fill[0],
            Align = align,
            Width = Math.Max(0, CallArguments.Integer(arguments.Positional[0], function)),
        };
        return Like(self, align == '^' ? Centered(state, self.Text, spec) : spec.Apply(state, new StringValue(self.Text)));
    }

    /// <summary>str.center puts the odd blank on the left when the width is odd too, unlike format's ^.</summary>
    public static string Centered(RenderState state, string text, FormatSpec spec)
    {
        state.Meter.RequireLength(spec.Width);
        int missing = Math.Max(0, spec.Width - PythonText.Length(text));
        int left = (missing / 2) + (missing & spec.Width & 1);
        return state.Text(new string(spec.Fill, left) + text + new string(spec.Fill, missing - left)).Text;
    }

    private static StringValue ZeroFill(RenderState state, StringValue self, CallArguments arguments)
    {
        int width = CallArguments.Integer(arguments.One("zfill"), "zfill");
        state.Meter.RequireLength(width);
        int signLength = self.Text.Length > 0 && self.Text[0] is '+' or '-' ? 1 : 0;
        int missing = Math.Max(0, width - PythonText.Length(self.Text));
        return Like(self, string.Concat(self.Text.AsSpan(0, signLength), new string('0', missing), self.Text.AsSpan(signLength)));
    }
}
