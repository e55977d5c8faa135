using System.Globalization;
using System.Numerics;

namespace Tessera.ChatTemplates;

internal sealed class NoneValue : TemplateValue
{
    public static readonly NoneValue Instance = new();

    internal override string TypeName => "NoneType";

    internal override string TypeDescription => "None";

    internal override bool IsTrue => false;

    internal override void WriteRepr(ValueWriter writer) => writer.Write("None");
}

internal sealed class BooleanValue : TemplateValue
{
    private static readonly BooleanValue True = new(true);
    private static readonly BooleanValue False = new(false);

    private BooleanValue(bool value) => Value = value;

    public bool Value { get; }

    public static BooleanValue Of(bool value) => value ? True : False;

    internal override string TypeName => "bool";

    internal override bool IsTrue => Value;

    internal override BigInteger? AsInteger => Value ? BigInteger.One : BigInteger.Zero;

    internal override double? AsNumber => Value ? 1 : 0;

    internal override void WriteRepr(ValueWriter writer) => writer.Write(Value ? "True" : "False");
}

internal sealed class IntegerValue(BigInteger value) : TemplateValue
{
    /// <summary>Longer numbers are refused: their arithmetic and their text take more than linear time.</summary>
    public const int MaxBits = 14_000;

    public BigInteger Value { get; } = value;

    /// <summary>The value after checking that it is not longer than allowed.</summary>
    public static IntegerValue Checked(BigInteger value) =>
        value.GetBitLength() <= MaxBits ? new IntegerValue(value) : throw new TemplateFault($"an integer is longer than {MaxBits} bits");

    internal override string TypeName => "int";

    internal override bool IsTrue => !Value.IsZero;

    internal override BigInteger? AsInteger => Value;

    internal override double? AsNumber => (double)Value;

    internal override void WriteRepr(ValueWriter writer) => writer.Write(Value.ToString(CultureInfo.InvariantCulture));
}

internal sealed class FloatValue(double value) : TemplateValue
{
    public double Value { get; } = value;

    internal override string TypeName => "float";

    internal override bool IsTrue => Value != 0;

    internal override double? AsNumber => Value;

    internal override TemplateValue? GetAttribute(string name) =>
        name == "is_integer"
            ? new FunctionValue("is_integer", (_, _) => BooleanValue.Of(Math.Floor(Value) == Value && double.IsFinite(Value)))
            : null;

    internal override void WriteRepr(ValueWriter writer) => writer.Write(PythonFloat.Repr(Value));
}
