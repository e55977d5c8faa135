namespace Tessera.ChatTemplates;

/// <summary>
/// What <c>a.b</c> and <c>a[b]</c> mean: the dot tries the attribute first, the bracket the item, and each falls back to
/// the other (Jinja2 3.1.6, sandbox.py, getattr and getitem).
/// </summary>
internal static class ValueAccess
{
    public static TemplateValue Attribute(RenderState state, TemplateValue owner, string name)
    {
        state.Meter.Step();
        if (owner is UndefinedValue undefined)
            throw undefined.Fail();
        return owner.GetAttribute(name) ?? owner.GetItem(new StringValue(name)) ?? UndefinedValue.Attribute(owner, name);
    }

    public static TemplateValue Item(RenderState state, TemplateValue owner, TemplateValue key)
    {
        state.Meter.Step();
        if (owner is UndefinedValue undefined)
            throw undefined.Fail();
        if (key is StringValue text)
            state.Meter.ChargeLength(text.Text.Length);
        return owner.GetItem(key) ?? (key is StringValue name ? owner.GetAttribute(name.Text) : null) ?? UndefinedValue.Element(owner, key);
    }
}
