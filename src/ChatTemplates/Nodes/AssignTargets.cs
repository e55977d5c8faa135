namespace Tessera.ChatTemplates;

/// <summary>What a set statement or a for loop assigns to.</summary>
internal abstract class AssignTarget
{
    public abstract void Assign(RenderState state, Scope scope, TemplateValue value);
}

internal sealed class NameTarget(string name) : AssignTarget
{
    public string Name => name;

    public override void Assign(RenderState state, Scope scope, TemplateValue value) => scope.Set(name, value);
}

internal sealed class NamespaceTarget(string name, string attribute) : AssignTarget
{
    public override void Assign(RenderState state, Scope scope, TemplateValue value)
    {
        if (state.Resolve(name) is not NamespaceValue owner)
            throw new TemplateFault("cannot assign attribute on non-namespace object");
        owner.Set(attribute, value);
    }
}

internal sealed class TupleTarget(IReadOnlyList<AssignTarget> targets) : AssignTarget
{
    public override void Assign(RenderState state, Scope scope, TemplateValue value)
    {
        if (value.Items is null)
            throw new TemplateFault($"cannot unpack non-iterable {value.TypeName} object");
        TemplateValue[] parts = [.. state.Iterate(value).Take(targets.Count + 1)];
        if (parts.Length > targets.Count)
            throw new TemplateFault($"too many values to unpack (expected {targets.Count})");
        if (parts.Length < targets.Count)
            throw new TemplateFault($"not enough values to unpack (expected {targets.Count}, got {parts.Length})");
        for (int index = 0; index < parts.Length; index++)
            targets[index].Assign(state, scope, parts[index]);
    }
}
