using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>Python's arithmetic operators on template values.</summary>
internal static class PythonArithmetic
{
    public static TemplateValue Add(RenderState state, TemplateValue left, TemplateValue right)
    {
        if (left.AsNumber is not null && right.AsNumber is not null)
            return Numbers(left, right, (a, b) => a + b, (a, b) => a + b);
        return (left, right) switch
        {
            (StringValue a, StringValue b) => AddText(state, a, b),
            (ListValue a, ListValue b) when a.Kind == b.Kind && a.Kind != SequenceKind.Range => state.List(
                [.. Counted(state, a.Values.Count + b.Values.Count, a.Values.Concat(b.Values))],
                a.Kind
            ),
            _ => throw Unsupported("+", left, right),
        };
    }

    public static TemplateValue Subtract(RenderState state, TemplateValue left, TemplateValue right) =>
        Both(left, right, "-", (a, b) => a - b, (a, b) => a - b);

    public static TemplateValue Multiply(RenderState state, TemplateValue left, TemplateValue right)
    {
        if (left is StringValue or ListValue && right.AsInteger is { } times)
            return Repeat(state, left, times);
        if (right is StringValue or ListValue && left.AsInteger is { } timesBefore)
            return Repeat(state, right, timesBefore);
        return Both(left, right, "*", BigInteger.Multiply, (a, b) => a * b);
    }

    public static TemplateValue Divide(RenderState state, TemplateValue left, TemplateValue right)
    {
        (double a, double b) = RequireNumbers("/", left, right);
        return b == 0 ? throw new TemplateFault("division by zero") : new FloatValue(a / b);
    }

    public static TemplateValue FloorDivide(RenderState state, TemplateValue left, TemplateValue right)
    {
        if (RequireNumbers("//", left, right).Right == 0)
            throw new TemplateFault("division by zero");
        return Numbers(left, right, FloorQuotient, FloorQuotient);
    }

    // CPython, Objects/floatobject.c, _float_div_mod: from the remainder, so that 20 // 1.6666666666666667 is 11 and not 12.
    private static double FloorQuotient(double left, double right)
    {
        double remainder = left % right,
            quotient = (left - remainder) / right;
        if (remainder != 0 && (right < 0) != (remainder < 0))
            quotient -= 1;
        double floor = Math.Floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    public static TemplateValue Modulo(RenderState state, TemplateValue left, TemplateValue right)
    {
        if (left is StringValue format)
            return PercentFormat.Apply(state, format, right);
        if (RequireNumbers("%", left, right).Right == 0)
            throw new TemplateFault("integer modulo by zero");
        return Numbers(left, right, (a, b) => a - (FloorQuotient(a, b) * b), FloorRemainder);
    }

    public static TemplateValue Power(RenderState state, TemplateValue left, TemplateValue right)
    {
        (double a, double b) = RequireNumbers("**", left, right);
        if (left.AsInteger is not { } number || right.AsInteger is not { } exponent || exponent.Sign < 0)
            return a == 0 && b < 0 ? throw new TemplateFault("zero to a negative power") : new FloatValue(Math.Pow(a, b));
        if (number.IsZero || number.IsOne || number == BigInteger.MinusOne)
            return new IntegerValue(
                exponent.IsZero ? 1
                : exponent.IsEven ? number * number
                : number
            );
        if (exponent > IntegerValue.MaxBits || number.GetBitLength() * (long)exponent > IntegerValue.MaxBits * 2)
            throw new TemplateFault($"an integer is longer than {IntegerValue.MaxBits} bits");
        return IntegerValue.Checked(BigInteger.Pow(number, (int)exponent));
    }

    public static TemplateValue Negate(TemplateValue value) =>
        value switch
        {
            UndefinedValue undefined => throw undefined.Fail(),
            FloatValue number => new FloatValue(-number.Value),
            _ when value.AsInteger is { } integer => new IntegerValue(-integer),
            _ => throw new TemplateFault($"bad operand type for unary -: '{value.TypeName}'"),
        };

    public static TemplateValue Plus(TemplateValue value) =>
        value switch
        {
            UndefinedValue undefined => throw undefined.Fail(),
            FloatValue => value,
            _ when value.AsInteger is { } integer => new IntegerValue(integer),
            _ => throw new TemplateFault($"bad operand type for unary +: '{value.TypeName}'"),
        };

    private static StringValue AddText(RenderState state, StringValue left, StringValue right)
    {
        if (!left.IsMarkup && !right.IsMarkup)
            return state.Concat(left.Text, right.Text);
        string a = left.IsMarkup ? left.Text : StringValue.Escape(left.Text);
        string b = right.IsMarkup ? right.Text : StringValue.Escape(right.Text);
        return new StringValue(state.Concat(a, b).Text, isMarkup: true);
    }

    private static TemplateValue Repeat(RenderState state, TemplateValue value, BigInteger times)
    {
        int length = value is StringValue s ? s.Text.Length : ((ListValue)value).Values.Count;
        int count = length == 0 || times.Sign < 0 ? 0 : (int)BigInteger.Min(times, int.MaxValue);
        state.Meter.RequireLength((long)length * count);
        state.Meter.ChargeLength(length * count);
        return value is StringValue text
            ? new StringValue(string.Concat(Enumerable.Repeat(text.Text, count)), text.IsMarkup)
            : new ListValue([.. Enumerable.Repeat(((ListValue)value).Values, count).SelectMany(items => items)], ((ListValue)value).Kind);
    }

    private static IEnumerable<TemplateValue> Counted(RenderState state, int count, IEnumerable<TemplateValue> items)
    {
        state.Meter.RequireLength(count);
        return items;
    }

    private static TemplateValue Both(
        TemplateValue left,
        TemplateValue right,
        string symbol,
        Func<BigInteger, BigInteger, BigInteger> integers,
        Func<double, double, double> floats
    )
    {
        RequireNumbers(symbol, left, right);
        return Numbers(left, right, integers, floats);
    }

    private static TemplateValue Numbers(
        TemplateValue left,
        TemplateValue right,
        Func<BigInteger, BigInteger, BigInteger> integers,
        Func<double, double, double> floats
    ) =>
        left.AsInteger is { } a && right.AsInteger is { } b
            ? IntegerValue.Checked(integers(a, b))
            : new FloatValue(floats(left.AsNumber!.Value, right.AsNumber!.Value));

    private static (double Left, double Right) RequireNumbers(string symbol, TemplateValue left, TemplateValue right) =>
        left.AsNumber is { } a && right.AsNumber is { } b ? (a, b) : throw Unsupported(symbol, left, right);

    private static BigInteger FloorQuotient(BigInteger a, BigInteger b)
    {
        BigInteger quotient = BigInteger.DivRem(a, b, out BigInteger remainder);
        return remainder.IsZero || remainder.Sign == b.Sign ? quotient : quotient - 1;
    }

    private static double FloorRemainder(double a, double b)
    {
        double remainder = a % b;
        return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
    }

    private static TemplateFault Unsupported(string symbol, TemplateValue left, TemplateValue right)
    {
        if (left is UndefinedValue a)
            return a.Fail();
        if (right is UndefinedValue b)
            return b.Fail();
        return left is StringValue && symbol == "+"
            ? new TemplateFault($"can only concatenate str (not \"{right.TypeName}\") to str")
            : new TemplateFault($"unsupported operand type(s) for {symbol}: '{left.TypeName}' and '{right.TypeName}'");
    }
}
