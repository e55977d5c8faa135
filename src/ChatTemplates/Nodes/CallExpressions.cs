namespace Tessera.ChatTemplates;

/// <summary>The arguments of a call as written, with *list and **mapping.</summary>
internal sealed record ArgumentList(
    IReadOnlyList<Expression> Positional,
    IReadOnlyList<(string Name, Expression Value)> Named,
    Expression? Star,
    Expression? DoubleStar
)
{
    public static readonly ArgumentList Empty = new([], [], null, null);

    public CallArguments Evaluate(RenderState state, TemplateValue? caller = null)
    {
        if (this == Empty && caller is null)
            return CallArguments.Empty;
        List<TemplateValue> positional = [.. Positional.Select(argument => argument.Evaluate(state))];
        OrderedDictionary<string, TemplateValue> named = [];
        foreach ((string name, Expression value) in Named)
            Add(named, name, value.Evaluate(state));
        if (caller is not null)
            Add(named, "caller", caller);
        if (Star is not null)
            positional.AddRange(state.Iterate(Star.Evaluate(state)));
        if (DoubleStar is not null)
            AddMapping(named, DoubleStar.Evaluate(state));
        return new CallArguments(positional, named);
    }

    private static void AddMapping(OrderedDictionary<string, TemplateValue> named, TemplateValue mapping)
    {
        MapValue map = mapping as MapValue ?? throw new TemplateFault("argument after ** must be a mapping");
        foreach ((TemplateValue key, TemplateValue value) in map.Entries)
            Add(named, key is StringValue name ? name.Text : throw new TemplateFault("keywords must be strings"), value);
    }

    private static void Add(OrderedDictionary<string, TemplateValue> named, string name, TemplateValue value)
    {
        if (!named.TryAdd(name, value))
            throw new TemplateFault($"got multiple values for keyword argument '{name}'");
    }
}

internal sealed class CallExpression(int offset, Expression callee, ArgumentList arguments) : Expression(offset)
{
    /// <summary>Calls with the body of a call block as <c>caller</c>.</summary>
    public TemplateValue Call(RenderState state, TemplateValue? caller)
    {
        TemplateValue function = callee.Evaluate(state);
        CallArguments values = arguments.Evaluate(state, caller);
        state.Offset = Offset;
        return function.Call(state, values);
    }

    protected override TemplateValue Compute(RenderState state) => Call(state, null);
}

/// <summary>A filter; without an input it stands at the head of a filter or set block and gets the block's text.</summary>
internal sealed class FilterExpression(int offset, Expression? input, string name, ArgumentList arguments) : Expression(offset)
{
    private readonly Filter? filter = FilterTable.Find(name);

    public TemplateValue Apply(RenderState state, TemplateValue blockText)
    {
        TemplateValue value = input switch
        {
            null => blockText,
            FilterExpression inner => inner.Apply(state, blockText),
            _ => input.Evaluate(state),
        };
        CallArguments values = arguments.Evaluate(state);
        state.Offset = Offset;
        return FilterTable.Apply(state, filter ?? throw new TemplateFault($"No filter named '{name}' found."), value, values);
    }

    protected override TemplateValue Compute(RenderState state) => Apply(state, StringValue.Empty);
}

internal sealed class TestExpression(int offset, Expression input, string name, ArgumentList arguments) : Expression(offset)
{
    private readonly Test? test = TestTable.Find(name);

    protected override TemplateValue Compute(RenderState state)
    {
        TemplateValue value = input.Evaluate(state);
        CallArguments values = arguments.Evaluate(state);
        state.Offset = Offset;
        return BooleanValue.Of((test ?? throw new TemplateFault($"No test named '{name}' found."))(state, value, values));
    }
}
