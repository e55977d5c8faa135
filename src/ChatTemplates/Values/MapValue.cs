namespace Tessera.ChatTemplates;

/// <summary>A dictionary in insertion order. Templates cannot change it: the sandbox forbids update and its like.</summary>
internal sealed class MapValue : TemplateValue
{
    private static readonly string[] MutatingMethods = ["clear", "pop", "popitem", "setdefault", "update"];

    public OrderedDictionary<TemplateValue, TemplateValue> Entries { get; } = new(ValueKeyComparer.Instance);

    internal override string TypeName => "dict";

    internal override bool IsTrue => Entries.Count > 0;

    internal override int? Length => Entries.Count;

    internal override bool IsIndexable => true;

    internal override IEnumerable<TemplateValue> Items => Entries.Keys;

    /// <summary>The entries as Python's pairs.</summary>
    public IEnumerable<TemplateValue> Pairs => Entries.Select(entry => new ListValue([entry.Key, entry.Value], SequenceKind.Tuple));

    internal override TemplateValue? GetItem(TemplateValue key) =>
        ValueKeyComparer.IsHashable(key) && Entries.TryGetValue(key, out TemplateValue? value) ? value : null;

    internal override TemplateValue? GetAttribute(string name) =>
        name switch
        {
            "get" => new FunctionValue("get", Get),
            "items" => new FunctionValue("items", (_, _) => new ViewValue("dict_items", this, Pairs)),
            "keys" => new FunctionValue("keys", (_, _) => new ViewValue("dict_keys", this, Entries.Keys)),
            "values" => new FunctionValue("values", (_, _) => new ViewValue("dict_values", this, Entries.Values)),
            "copy" => new FunctionValue("copy", (_, _) => this),
            _ when MutatingMethods.Contains(name) => UndefinedValue.Unsafe(this, name),
            _ => null,
        };

    internal override void WriteRepr(ValueWriter writer)
    {
        writer.Enter("{");
        string separator = "";
        foreach ((TemplateValue key, TemplateValue value) in Entries)
        {
            writer.Write(separator);
            key.WriteRepr(writer);
            writer.Write(": ");
            value.WriteRepr(writer);
            separator = ", ";
        }
        writer.Leave("}");
    }

    private TemplateValue Get(RenderState state, CallArguments arguments)
    {
        arguments.RequireCount("get", 1, 2);
        TemplateValue key = ValueKeyComparer.RequireHashable(arguments.Positional[0]);
        return Entries.TryGetValue(key, out TemplateValue? value) ? value
            : arguments.Positional.Count > 1 ? arguments.Positional[1]
            : None;
    }
}
