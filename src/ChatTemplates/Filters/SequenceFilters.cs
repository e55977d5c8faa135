namespace Tessera.ChatTemplates;

/// <summary>The filters that take sequences and dictionaries apart.</summary>
internal static class SequenceFilters
{
    public static TemplateValue Default(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("default", "default_value", "boolean");
        bool replacesFalse = bound[1]?.IsTrue ?? false;
        return value is UndefinedValue || (replacesFalse && !value.IsTrue) ? bound[0] ?? StringValue.Empty : value;
    }

    public static TemplateValue Length(RenderState state, TemplateValue value, CallArguments arguments) =>
        new IntegerValue(value.Length ?? throw new TemplateFault($"object of type '{value.TypeName}' has no len()"));

    public static TemplateValue List(RenderState state, TemplateValue value, CallArguments arguments) =>
        state.List([.. state.Iterate(value)]);

    public static TemplateValue First(RenderState state, TemplateValue value, CallArguments arguments) =>
        state.Iterate(value).FirstOrDefault() ?? new UndefinedValue("No first item, sequence was empty.");

    public static TemplateValue Last(RenderState state, TemplateValue value, CallArguments arguments) =>
        RequireReversible(state, value).LastOrDefault() ?? new UndefinedValue("No last item, sequence was empty.");

    public static TemplateValue Reverse(RenderState state, TemplateValue value, CallArguments arguments) =>
        value switch
        {
            StringValue text => text.GetSlice(new SliceBounds(null, null, -1)),
            IteratorValue => state.List([.. state.Iterate(value).Reverse()]),
            _ => new IteratorValue(RequireReversible(state, value).Reverse()),
        };

    public static TemplateValue Items(RenderState state, TemplateValue value, CallArguments arguments) =>
        value switch
        {
            UndefinedValue => new IteratorValue([]),
            MapValue map => new IteratorValue(map.Pairs),
            _ => throw new TemplateFault("Can only get item pairs from a mapping."),
        };

    public static TemplateValue Attr(RenderState state, TemplateValue value, CallArguments arguments)
    {
        string name = CallArguments.Text(arguments.Bind("attr", "name")[0], "attr");
        return value.GetAttribute(name) ?? UndefinedValue.Attribute(value, name);
    }

    public static TemplateValue Batch(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("batch", "linecount", "fill_with");
        int size = CallArguments.Integer(bound[0], "batch");
        state.Meter.RequireLength(size);
        return new IteratorValue(Batches(state, [.. state.Iterate(value)], Math.Max(1, size), bound[1]));
    }

    public static TemplateValue Slice(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("slice", "slices", "fill_with");
        int count = CallArguments.Integer(bound[0], "slice");
        state.Meter.RequireLength(count);
        return new IteratorValue(Slices(state, [.. state.Iterate(value)], Math.Max(0, count), bound[1]));
    }

    private static IEnumerable<TemplateValue> RequireReversible(RenderState state, TemplateValue value) =>
        value is IteratorValue or LoopValue
            ? throw new TemplateFault($"'{value.TypeName}' object is not reversible")
            : state.Iterate(value);

    private static IEnumerable<TemplateValue> Batches(RenderState state, TemplateValue[] items, int size, TemplateValue? fill)
    {
        foreach (TemplateValue[] batch in items.Chunk(size))
        {
            int missing = fill is null or NoneValue ? 0 : size - batch.Length;
            yield return state.List([.. batch, .. Enumerable.Repeat(fill!, missing)]);
        }
    }

    private static IEnumerable<TemplateValue> Slices(RenderState state, TemplateValue[] items, int count, TemplateValue? fill)
    {
        int start = 0;
        for (int index = 0; index < count; index++)
        {
            bool isLonger = index < items.Length % count;
            int end = start + (items.Length / count) + (isLonger ? 1 : 0);
            IEnumerable<TemplateValue> filler = fill is null or NoneValue || isLonger ? [] : [fill];
            yield return state.List([.. items[start..end], .. filler]);
            start = end;
        }
    }
}
