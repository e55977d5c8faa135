namespace Tessera.ChatTemplates;

internal sealed class ConstantExpression(int offset, TemplateValue value) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state) => value;
}

internal sealed class NameExpression(int offset, string name) : Expression(offset)
{
    public string Name => name;

    protected override TemplateValue Compute(RenderState state) => state.Resolve(name);
}

internal sealed class SequenceExpression(int offset, IReadOnlyList<Expression> items, SequenceKind kind) : Expression(offset)
{
    public IReadOnlyList<Expression> Items => items;

    protected override TemplateValue Compute(RenderState state) => state.List([.. items.Select(item => item.Evaluate(state))], kind);
}

internal sealed class MapExpression(int offset, IReadOnlyList<(Expression Key, Expression Value)> entries) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state)
    {
        MapValue map = new();
        foreach ((Expression key, Expression value) in entries)
            map.Entries[ValueKeyComparer.RequireHashable(key.Evaluate(state))] = value.Evaluate(state);
        return map;
    }
}

internal sealed class AttributeExpression(int offset, Expression owner, string name) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state)
    {
        TemplateValue value = owner.Evaluate(state);
        state.Offset = Offset;
        return ValueAccess.Attribute(state, value, name);
    }
}

internal sealed class ItemExpression(int offset, Expression owner, Expression key) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state)
    {
        TemplateValue value = owner.Evaluate(state),
            index = key.Evaluate(state);
        state.Offset = Offset;
        return ValueAccess.Item(state, value, index);
    }
}

/// <summary>The three optional parts of a slice as written.</summary>
internal sealed record SliceParts(Expression? Start, Expression? Stop, Expression? Step);

internal sealed class SliceExpression(int offset, Expression owner, SliceParts parts) : Expression(offset)
{
    protected override TemplateValue Compute(RenderState state)
    {
        TemplateValue value = owner.Evaluate(state);
        SliceBounds bounds = new(Bound(state, parts.Start), Bound(state, parts.Stop), Bound(state, parts.Step));
        state.Offset = Offset;
        state.Meter.ChargeLength(value.Length ?? 0);
        return value.GetSlice(bounds) ?? throw new TemplateFault($"'{value.TypeName}' object has no slices");
    }

    private static System.Numerics.BigInteger? Bound(RenderState state, Expression? expression)
    {
        TemplateValue value = expression?.Evaluate(state) ?? TemplateValue.None;
        return value is NoneValue
            ? null
            : value.AsInteger ?? throw new TemplateFault("slice indices must be integers or None or have an __index__ method");
    }
}
