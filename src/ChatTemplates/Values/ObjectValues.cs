namespace Tessera.ChatTemplates;

/// <summary>What a call of a function or method does.</summary>
internal delegate TemplateValue TemplateFunction(RenderState state, CallArguments arguments);

/// <summary>A function of the environment, or a method bound to its value.</summary>
internal sealed class FunctionValue(string name, TemplateFunction function) : TemplateValue
{
    internal override string TypeName => "builtin_function_or_method";

    internal override bool IsCallable => true;

    internal override TemplateValue Call(RenderState state, CallArguments arguments) => function(state, arguments);

    internal override void WriteRepr(ValueWriter writer) => writer.Write($"<function {name}>");
}

/// <summary>The one object whose attributes a template may set (Jinja2 3.1.6, utils.py, Namespace).</summary>
internal sealed class NamespaceValue(MapValue attributes) : TemplateValue
{
    internal override string TypeName => "Namespace";

    internal override string TypeDescription => "jinja2.utils.Namespace object";

    internal override TemplateValue? GetAttribute(string name) => attributes.GetItem(new StringValue(name));

    internal override TemplateValue? GetItem(TemplateValue key) => null;

    public void Set(string name, TemplateValue value) => attributes.Entries[new StringValue(name)] = value;

    internal override void WriteRepr(ValueWriter writer)
    {
        writer.Enter("<Namespace ");
        attributes.WriteRepr(writer);
        writer.Leave(">");
    }
}

/// <summary>A view of a dictionary: can be walked again and has a length, but no index.</summary>
internal sealed class ViewValue(string typeName, MapValue map, IEnumerable<TemplateValue> items) : TemplateValue
{
    internal override string TypeName => typeName;

    internal override bool IsTrue => map.IsTrue;

    internal override int? Length => map.Length;

    internal override IEnumerable<TemplateValue> Items => items;

    internal override void WriteRepr(ValueWriter writer)
    {
        writer.Write(typeName);
        writer.WriteSequence(items, ("([", "])"));
    }
}

/// <summary>A generator: walked once, lazily, without a length, as Python's filters return them.</summary>
internal sealed class IteratorValue(IEnumerable<TemplateValue> source) : TemplateValue
{
    private readonly IEnumerator<TemplateValue> remaining = source.GetEnumerator();

    internal override string TypeName => "generator";

    internal override IEnumerable<TemplateValue> Items
    {
        get
        {
            while (remaining.MoveNext())
                yield return remaining.Current;
        }
    }

    internal override void WriteRepr(ValueWriter writer) => writer.Write("<generator object>");
}
