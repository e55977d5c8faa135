namespace Tessera.ChatTemplates;

/// <summary>What a filter makes of a value.</summary>
internal delegate TemplateValue Filter(RenderState state, TemplateValue value, CallArguments arguments);

/// <summary>
/// The filters by name (Jinja2 3.1.6, filters.py; tojson as transformers 5.12 replaces it). Left out: random, because its
/// output cannot be reproduced, and what serves web pages and dumps only (urlize, urlencode, xmlattr, striptags,
/// filesizeformat, pprint, wordwrap).
/// </summary>
internal static class FilterTable
{
    private static readonly Dictionary<string, Filter> Table = new()
    {
        ["abs"] = NumberFilters.Abs,
        ["attr"] = SequenceFilters.Attr,
        ["batch"] = SequenceFilters.Batch,
        ["capitalize"] = TextFilters.Mapping("capitalize", PythonCase.Capitalize),
        ["center"] = TextFilters.Center,
        ["count"] = SequenceFilters.Length,
        ["d"] = SequenceFilters.Default,
        ["default"] = SequenceFilters.Default,
        ["dictsort"] = SortFilters.DictSort,
        ["e"] = TextFilters.Escape,
        ["escape"] = TextFilters.Escape,
        ["first"] = SequenceFilters.First,
        ["float"] = NumberFilters.Float,
        ["forceescape"] = TextFilters.ForceEscape,
        ["format"] = TextFilters.Format,
        ["groupby"] = SortFilters.GroupBy,
        ["indent"] = TextFilters.Indent,
        ["int"] = NumberFilters.Int,
        ["items"] = SequenceFilters.Items,
        ["join"] = TextFilters.Join,
        ["last"] = SequenceFilters.Last,
        ["length"] = SequenceFilters.Length,
        ["list"] = SequenceFilters.List,
        ["lower"] = TextFilters.Mapping("lower", PythonCase.Lower),
        ["map"] = SelectionFilters.Map,
        ["max"] = (state, value, arguments) => SortFilters.Extreme(state, value, arguments, wantsLargest: true),
        ["min"] = (state, value, arguments) => SortFilters.Extreme(state, value, arguments, wantsLargest: false),
        ["reject"] = (state, value, arguments) => SelectionFilters.Select(state, value, arguments, keeps: false, byAttribute: false),
        ["rejectattr"] = (state, value, arguments) => SelectionFilters.Select(state, value, arguments, keeps: false, byAttribute: true),
        ["replace"] = TextFilters.Replace,
        ["reverse"] = SequenceFilters.Reverse,
        ["round"] = NumberFilters.Round,
        ["safe"] = TextFilters.Safe,
        ["select"] = (state, value, arguments) => SelectionFilters.Select(state, value, arguments, keeps: true, byAttribute: false),
        ["selectattr"] = (state, value, arguments) => SelectionFilters.Select(state, value, arguments, keeps: true, byAttribute: true),
        ["slice"] = SequenceFilters.Slice,
        ["sort"] = SortFilters.Sort,
        ["string"] = (state, value, _) => value is StringValue ? value : state.Text(state.ToText(value)),
        ["sum"] = NumberFilters.Sum,
        ["title"] = TextFilters.Mapping("title", PythonCase.TitleWords),
        ["tojson"] = TextFilters.ToJson,
        ["trim"] = TextFilters.Trim,
        ["truncate"] = TextFilters.Truncate,
        ["unique"] = SelectionFilters.Unique,
        ["upper"] = TextFilters.Mapping("upper", PythonCase.Upper),
        ["wordcount"] = TextFilters.WordCount,
    };

    public static Filter? Find(string name) => Table.GetValueOrDefault(name);

    /// <summary>Applies a filter and counts what it reads.</summary>
    public static TemplateValue Apply(RenderState state, Filter filter, TemplateValue value, CallArguments arguments)
    {
        state.Meter.Step();
        if (value is StringValue text)
            state.Meter.ChargeLength(text.Text.Length);
        return filter(state, value, arguments);
    }
}
