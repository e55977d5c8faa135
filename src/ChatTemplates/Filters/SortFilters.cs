namespace Tessera.ChatTemplates;

/// <summary>The filters that order items.</summary>
internal static class SortFilters
{
    public static TemplateValue Sort(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("sort", "reverse", "case_sensitive", "attribute");
        bool isCaseSensitive = bound[1]?.IsTrue ?? false;
        AttributePath[] paths = bound[2] is StringValue names
            ? [.. names.Text.Split(',').Select(name => AttributePath.Parse(new StringValue(name)))]
            : [AttributePath.Parse(bound[2])];
        return state.List(
            PythonSort.By(
                state.Meter,
                state.Iterate(value),
                item => new ListValue([.. paths.Select(path => path.GetKey(state, item, isCaseSensitive))]),
                bound[0]?.IsTrue ?? false
            )
        );
    }

    public static TemplateValue DictSort(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("dictsort", "case_sensitive", "by", "reverse");
        bool isCaseSensitive = bound[0]?.IsTrue ?? false;
        int position = (bound[1] as StringValue)?.Text switch
        {
            null or "key" => 0,
            "value" => 1,
            _ => throw new TemplateFault("You can only sort by either \"key\" or \"value\""),
        };
        MapValue map =
            value as MapValue
            ?? throw (
                value is UndefinedValue undefined
                    ? undefined.Fail()
                    : new TemplateFault($"'{value.TypeName}' object has no attribute 'items'")
            );
        return state.List(
            PythonSort.By(
                state.Meter,
                map.Pairs,
                pair => AttributePath.FoldCase(((ListValue)pair).Values[position], isCaseSensitive),
                bound[2]?.IsTrue ?? false
            )
        );
    }

    public static TemplateValue Extreme(RenderState state, TemplateValue value, CallArguments arguments, bool wantsLargest)
    {
        TemplateValue?[] bound = arguments.Bind("min", "case_sensitive", "attribute");
        AttributePath path = AttributePath.Parse(bound[1]);
        TemplateValue? best = null,
            bestKey = null;
        foreach (TemplateValue item in state.Iterate(value))
        {
            TemplateValue key = path.GetKey(state, item, bound[0]?.IsTrue ?? false);
            int? order = bestKey is null ? null : PythonComparison.Order(state.Meter, key, bestKey, wantsLargest ? ">" : "<");
            if (bestKey is null || (wantsLargest ? order > 0 : order < 0))
                (best, bestKey) = (item, key);
        }
        return best ?? new UndefinedValue("No aggregated item, sequence was empty.");
    }

    public static TemplateValue GroupBy(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("groupby", "attribute", "default", "case_sensitive");
        AttributePath path = AttributePath.Parse(bound[0]);
        bool isCaseSensitive = bound[2]?.IsTrue ?? false;
        List<TemplateValue> sorted = PythonSort.By(
            state.Meter,
            state.Iterate(value),
            item => path.GetKey(state, item, isCaseSensitive, bound[1]),
            isReversed: false
        );
        List<TemplateValue> groups = [];
        for (int start = 0; start < sorted.Count; )
        {
            TemplateValue key = path.GetKey(state, sorted[start], isCaseSensitive, bound[1]);
            int end = start + 1;
            while (
                end < sorted.Count && PythonComparison.Equal(state.Meter, key, path.GetKey(state, sorted[end], isCaseSensitive, bound[1]))
            )
                end++;
            groups.Add(new GroupValue(path.Get(state, sorted[start], bound[1]), state.List(sorted[start..end])));
            start = end;
        }
        return state.List(groups);
    }

    /// <summary>One group of groupby: a pair whose parts also have names.</summary>
    private sealed class GroupValue(TemplateValue grouper, TemplateValue list) : TemplateValue
    {
        private readonly ListValue pair = new([grouper, list], SequenceKind.Tuple);

        internal override string TypeName => "tuple";

        internal override int? Length => 2;

        internal override bool IsIndexable => true;

        internal override IEnumerable<TemplateValue> Items => pair.Values;

        internal override TemplateValue? GetItem(TemplateValue key) => pair.GetItem(key);

        internal override TemplateValue GetSlice(SliceBounds bounds) => pair.GetSlice(bounds);

        internal override TemplateValue? GetAttribute(string name) =>
            name switch
            {
                "grouper" => grouper,
                "list" => list,
                _ => pair.GetAttribute(name),
            };

        internal override void WriteRepr(ValueWriter writer) => pair.WriteRepr(writer);
    }
}
