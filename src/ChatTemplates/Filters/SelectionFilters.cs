namespace Tessera.ChatTemplates;

/// <summary>The filters that pick or map items; they give generators, as Jinja2's do.</summary>
internal static class SelectionFilters
{
    public static TemplateValue Select(RenderState state, TemplateValue value, CallArguments arguments, bool keeps, bool byAttribute)
    {
        if (!value.IsTrue)
            return new IteratorValue([]);
        int used = byAttribute ? 1 : 0;
        if (arguments.Positional.Count < used)
            throw new TemplateFault("Missing parameter for attribute name");
        AttributePath path = AttributePath.Parse(byAttribute ? arguments.Positional[0] : null);
        Func<TemplateValue, bool> passes = Condition(state, arguments.Skip(used));
        return new IteratorValue(state.Iterate(value).Where(item => passes(path.Get(state, item)) == keeps));
    }

    public static TemplateValue Map(RenderState state, TemplateValue value, CallArguments arguments)
    {
        if (!value.IsTrue)
            return new IteratorValue([]);
        Func<TemplateValue, TemplateValue> map =
            arguments.Positional.Count == 0 && arguments.Named.ContainsKey("attribute")
                ? AttributeOf(state, arguments)
                : FilterOf(state, arguments);
        return new IteratorValue(state.Iterate(value).Select(map));
    }

    public static TemplateValue Unique(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("unique", "case_sensitive", "attribute");
        AttributePath path = AttributePath.Parse(bound[1]);
        bool isCaseSensitive = bound[0]?.IsTrue ?? false;
        HashSet<TemplateValue> seen = new(ValueKeyComparer.Instance);
        return new IteratorValue(
            state.Iterate(value).Where(item => seen.Add(ValueKeyComparer.RequireHashable(path.GetKey(state, item, isCaseSensitive))))
        );
    }

    private static Func<TemplateValue, bool> Condition(RenderState state, CallArguments arguments)
    {
        if (arguments.Positional.Count == 0)
            return item => item.IsTrue;
        string name = CallArguments.Text(arguments.Positional[0], "select");
        Test test = TestTable.Find(name) ?? throw new TemplateFault($"No test named '{name}'.");
        CallArguments rest = arguments.Skip(1);
        return item => test(state, item, rest);
    }

    private static Func<TemplateValue, TemplateValue> AttributeOf(RenderState state, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("map", "attribute", "default");
        AttributePath path = AttributePath.Parse(bound[0]);
        return item => path.Get(state, item, bound[1]);
    }

    private static Func<TemplateValue, TemplateValue> FilterOf(RenderState state, CallArguments arguments)
    {
        if (arguments.Positional.Count == 0)
            throw new TemplateFault("map requires a filter argument");
        string name = CallArguments.Text(arguments.Positional[0], "map");
        Filter filter = FilterTable.Find(name) ?? throw new TemplateFault($"No filter named '{name}'.");
        CallArguments rest = arguments.Skip(1);
        return item => FilterTable.Apply(state, filter, item, rest);
    }
}
