using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>The filters that make numbers.</summary>
internal static class NumberFilters
{
    public static TemplateValue Abs(RenderState state, TemplateValue value, CallArguments arguments) =>
        value switch
        {
            FloatValue number => new FloatValue(Math.Abs(number.Value)),
            _ when value.AsInteger is { } integer => new IntegerValue(BigInteger.Abs(integer)),
            _ => throw new TemplateFault($"bad operand type for abs(): '{value.TypeName}'"),
        };

    public static TemplateValue Int(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("int", "default", "base");
        if (value is UndefinedValue undefined)
            throw undefined.Fail();
        if (value.AsInteger is { } integer)
            return new IntegerValue(integer);
        if (value is StringValue text && TryParse(text.Text, CallArguments.Integer(bound[1], "int", 10), out BigInteger parsed))
            return IntegerValue.Checked(parsed);
        double? number = value is StringValue spelled
            ? PythonFloat.TryParse(spelled.Text, out double read)
                ? read
                : null
            : value.AsNumber;
        return number is { } finite && double.IsFinite(finite) ? new IntegerValue(new BigInteger(finite)) : bound[0] ?? new IntegerValue(0);
    }

    public static TemplateValue Float(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue fallback = arguments.Bind("float", "default")[0] ?? new FloatValue(0);
        return value switch
        {
            UndefinedValue undefined => throw undefined.Fail(),
            StringValue text => PythonFloat.TryParse(text.Text, out double read) ? new FloatValue(read) : fallback,
            _ => value.AsNumber is { } number ? new FloatValue(number) : fallback,
        };
    }

    public static TemplateValue Round(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("round", "precision", "method");
        int precision = Math.Clamp(CallArguments.Integer(bound[0], "round", 0), -400, 400);
        string method = bound[1] is null ? "common" : CallArguments.Text(bound[1], "round");
        double number =
            value.AsNumber
            ?? throw (
                value is UndefinedValue undefined
                    ? undefined.Fail()
                    : new TemplateFault($"type {value.TypeName} doesn't define __round__ method")
            );
        return method switch
        {
            "common" when value.AsInteger is { } integer => new IntegerValue(RoundInteger(integer, precision)),
            "common" => new FloatValue(PythonFloat.Round(number, precision)),
            "ceil" => new FloatValue(Math.Ceiling(number * Math.Pow(10, precision)) / Math.Pow(10, precision)),
            "floor" => new FloatValue(Math.Floor(number * Math.Pow(10, precision)) / Math.Pow(10, precision)),
            _ => throw new TemplateFault("method must be common, ceil or floor"),
        };
    }

    public static TemplateValue Sum(RenderState state, TemplateValue value, CallArguments arguments)
    {
        TemplateValue?[] bound = arguments.Bind("sum", "attribute", "start");
        AttributePath path = AttributePath.Parse(bound[0]);
        TemplateValue sum = bound[1] ?? new IntegerValue(0);
        if (sum is StringValue)
            throw new TemplateFault("sum() can't sum strings [use ''.join(seq) instead]");
        foreach (TemplateValue item in state.Iterate(value))
            sum = PythonArithmetic.Add(state, sum, path.Get(state, item));
        return sum;
    }

    private static BigInteger RoundInteger(BigInteger value, int precision)
    {
        if (precision >= 0)
            return value;
        BigInteger unit = BigInteger.Pow(10, -precision);
        BigInteger quotient = BigInteger.DivRem(value, unit, out BigInteger remainder);
        int half = (BigInteger.Abs(remainder) * 2).CompareTo(unit);
        return (half > 0 || (half == 0 && !quotient.IsEven) ? quotient + value.Sign : quotient) * unit;
    }

    /// <summary>Reads what Python's int(text, base) reads.</summary>
    private static bool TryParse(string text, int radix, out BigInteger value)
    {
        value = BigInteger.Zero;
        string digits = PythonText.Strip(text, null, atStart: true, atEnd: true).ToLowerInvariant();
        bool isNegative = digits.StartsWith('-');
        digits = digits.Length > 0 && digits[0] is '-' or '+' ? digits[1..] : digits;
        if (digits.Length > 1 && digits[0] == '0' && (radix, digits[1]) is (16 or 0, 'x') or (8 or 0, 'o') or (2 or 0, 'b'))
            (radix, digits) = (
                digits[1] == 'x' ? 16
                : digits[1] == 'o' ? 8
                : 2,
                digits[2..]
            );
        radix = radix == 0 ? 10 : radix;
        if (
            digits.Length == 0
            || digits.Length > IntegerValue.MaxBits / 3
            || digits[0] == '_'
            || digits[^1] == '_'
            || digits.Contains("__", StringComparison.Ordinal)
        )
            return false;
        foreach (char digit in digits.Where(one => one != '_'))
        {
            int weight =
                char.IsDigit(digit) ? (int)char.GetNumericValue(digit)
                : char.IsAsciiLetter(digit) ? digit - 'a' + 10
                : radix;
            if (weight >= radix)
                return false;
            value = (value * radix) + weight;
        }
        value = isNegative ? -value : value;
        return true;
    }
}
