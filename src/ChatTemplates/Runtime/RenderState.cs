using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>What one rendering carries along: the scope, the output, the limits, and where in the template it is.</summary>
internal sealed class RenderState
{
    private readonly IReadOnlyDictionary<string, TemplateValue> variables;
    private StringBuilder output = new();

    public RenderState(IReadOnlyDictionary<string, TemplateValue> variables, RenderMeter meter, TimeProvider clock)
    {
        this.variables = variables;
        Meter = meter;
        Clock = clock;
    }

    public RenderMeter Meter { get; }

    public TimeProvider Clock { get; }

    public Scope Scope { get; set; } = new(null);

    /// <summary>Offset in the template of the expression or statement being worked on.</summary>
    public int Offset { get; set; }

    /// <summary>A name's value: from the scopes, then the caller's variables, then the environment.</summary>
    public TemplateValue Resolve(string name) =>
        Scope.Find(name) is { } local ? local
        : variables.TryGetValue(name, out TemplateValue? given) ? given
        : GlobalFunctions.Find(name) ?? UndefinedValue.Name(name);

    public void Write(string text)
    {
        Meter.RequireLength((long)output.Length + text.Length);
        Meter.ChargeLength(text.Length);
        output.Append(text);
    }

    /// <summary>Everything written so far to the current output.</summary>
    public string Output => output.ToString();

    /// <summary>Runs an action and returns what it writes instead of adding it to the output.</summary>
    public string Capture(Action action)
    {
        StringBuilder outer = output;
        output = new StringBuilder();
        try
        {
            action();
            return output.ToString();
        }
        finally
        {
            output = outer;
        }
    }

    /// <summary>A string value, counted by its length.</summary>
    public StringValue Text(string text)
    {
        Meter.RequireLength(text.Length);
        Meter.ChargeLength(text.Length);
        return new StringValue(text);
    }

    /// <summary>Two strings joined, once their length is known to be allowed.</summary>
    public StringValue Concat(string left, string right)
    {
        Meter.RequireLength((long)left.Length + right.Length);
        return Text(left + right);
    }

    /// <summary>A list value, counted by its length.</summary>
    public ListValue List(IReadOnlyList<TemplateValue> items, SequenceKind kind = SequenceKind.List)
    {
        Meter.RequireLength(items.Count);
        Meter.ChargeLength(items.Count);
        return new ListValue(items, kind);
    }

    /// <summary>What Python's str() gives.</summary>
    public string ToText(TemplateValue value)
    {
        if (value is StringValue text)
            return text.Text;
        ValueWriter writer = new(new StringBuilder(), Meter);
        value.WriteText(writer);
        return writer.ToString();
    }

    /// <summary>What a for loop or a filter walks over.</summary>
    public IEnumerable<TemplateValue> Iterate(TemplateValue value)
    {
        IEnumerable<TemplateValue> items = value.Items ?? throw new TemplateFault($"'{value.TypeName}' object is not iterable");
        return Counted(items);
    }

    private IEnumerable<TemplateValue> Counted(IEnumerable<TemplateValue> items)
    {
        foreach (TemplateValue item in items)
        {
            Meter.Step();
            yield return item;
        }
    }
}
