using System.Numerics;
using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>A value that a chat template can see: what Python would hold when Jinja2 renders the same template.</summary>
public abstract partial class TemplateValue
{
    private protected TemplateValue() { }

    /// <summary>Python's <c>None</c>.</summary>
    public static TemplateValue None => NoneValue.Instance;

    /// <summary>A string.</summary>
    public static TemplateValue From(string value) => new StringValue(value ?? throw new ArgumentNullException(nameof(value)));

    /// <summary>A boolean.</summary>
    public static TemplateValue From(bool value) => BooleanValue.Of(value);

    /// <summary>An integer.</summary>
    public static TemplateValue From(long value) => new IntegerValue(value);

    /// <summary>A floating-point number.</summary>
    public static TemplateValue From(double value) => new FloatValue(value);

    /// <summary>A list.</summary>
    public static TemplateValue List(params IEnumerable<TemplateValue> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        return new ListValue([.. items]);
    }

    /// <summary>A dictionary that keeps its order; of equal keys the last value counts.</summary>
    public static TemplateValue Map(params IEnumerable<(string Key, TemplateValue Value)> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        MapValue map = new();
        foreach ((string key, TemplateValue value) in entries)
            map.Entries[new StringValue(key)] = value;
        return map;
    }

    /// <summary>Python's name of the type, for messages.</summary>
    internal abstract string TypeName { get; }

    /// <summary>How Python names the value's type in a message about a missing attribute.</summary>
    internal virtual string TypeDescription => $"{TypeName} object";

    /// <summary>What Python's <c>bool()</c> says.</summary>
    internal virtual bool IsTrue => true;

    /// <summary>What Python's <c>len()</c> says, or null where it fails.</summary>
    internal virtual int? Length => null;

    /// <summary>Whether the value has <c>[]</c>.</summary>
    internal virtual bool IsIndexable => false;

    /// <summary>Whether the value can be called.</summary>
    internal virtual bool IsCallable => false;

    /// <summary>What Python's <c>iter()</c> walks over, or null where it fails.</summary>
    internal virtual IEnumerable<TemplateValue>? Items => null;

    /// <summary>The item under a key or index, or null.</summary>
    internal virtual TemplateValue? GetItem(TemplateValue key) => null;

    /// <summary>The attribute or method of that name, or null.</summary>
    internal virtual TemplateValue? GetAttribute(string name) => null;

    /// <summary>The slice <c>[start:stop:step]</c>, or null where the value has none.</summary>
    internal virtual TemplateValue? GetSlice(SliceBounds bounds) => null;

    /// <summary>Calls the value.</summary>
    internal virtual TemplateValue Call(RenderState state, CallArguments arguments) =>
        throw new TemplateFault($"'{TypeName}' object is not callable");

    /// <summary>What Python's <c>repr()</c> writes.</summary>
    internal abstract void WriteRepr(ValueWriter writer);

    /// <summary>What Python's <c>str()</c> writes.</summary>
    internal virtual void WriteText(ValueWriter writer) => WriteRepr(writer);

    /// <summary>The number as an integer when Python treats the value as one (integers and booleans).</summary>
    internal virtual BigInteger? AsInteger => null;

    /// <summary>The number when the value is an integer, a boolean or a float.</summary>
    internal virtual double? AsNumber => null;

    /// <summary>What Python's <c>str()</c> gives, without counting it; for messages and tests.</summary>
    public override string ToString()
    {
        ValueWriter writer = new(new StringBuilder(), new RenderMeter(TemplateLimits.Default, CancellationToken.None));
        WriteText(writer);
        return writer.ToString();
    }
}
