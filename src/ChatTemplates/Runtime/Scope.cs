namespace Tessera.ChatTemplates;

/// <summary>The names that a template, a loop's round or a macro call has set, over those of the scope around it.</summary>
internal sealed class Scope(Scope? parent)
{
    private readonly Dictionary<string, TemplateValue> names = [];

    /// <summary>The outermost scope.</summary>
    public Scope Root => parent is null ? this : parent.Root;

    public void Set(string name, TemplateValue value) => names[name] = value;

    public TemplateValue? Find(string name)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Parent)
            if (scope.names.TryGetValue(name, out TemplateValue? value))
                return value;
        return null;
    }

    private Scope? Parent => parent;
}
