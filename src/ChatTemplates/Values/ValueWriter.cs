using System.Text;

namespace Tessera.ChatTemplates;

/// <summary>Writes values as text within the limits of a rendering.</summary>
internal sealed class ValueWriter(StringBuilder text, RenderMeter meter)
{
    public RenderMeter Meter => meter;

    public void Write(string value)
    {
        meter.RequireLength((long)text.Length + value.Length);
        meter.Charge(1 + (value.Length / 16));
        text.Append(value);
    }

    /// <summary>Writes the opening of a value that holds others.</summary>
    public void Enter(string opening)
    {
        meter.Enter();
        Write(opening);
    }

    /// <summary>Writes the closing of a value that holds others.</summary>
    public void Leave(string closing)
    {
        Write(closing);
        meter.Leave();
    }

    public void WriteSequence(IEnumerable<TemplateValue> values, (string Opening, string Closing) brackets)
    {
        Enter(brackets.Opening);
        string separator = "";
        foreach (TemplateValue value in values)
        {
            Write(separator);
            value.WriteRepr(this);
            separator = ", ";
        }
        Leave(brackets.Closing);
    }

    public override string ToString() => text.ToString();
}
