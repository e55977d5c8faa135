using System.Globalization;
using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>How one value is written into a format string: fill, alignment, sign, width, precision and type.</summary>
internal sealed record FormatSpec
{
    public char Fill { get; init; } = ' ';

    public char Align { get; init; }

    public char Sign { get; init; } = '-';

    public bool IsAlternate { get; init; }

    public int Width { get; init; }

    public char Grouping { get; init; }

    public int? Precision { get; init; }

    public char Type { get; init; }

    /// <summary>Reads the part after the colon of a replacement field.</summary>
    public static FormatSpec Parse(string spec)
    {
        int index = 0;
        FormatSpec parsed = new();
        if (spec.Length > 1 && "<>^=".Contains(spec[1], StringComparison.Ordinal))
            (parsed, index) = (parsed with { Fill = spec[0], Align = spec[1] }, 2);
        else if (spec.Length > 0 && "<>^=".Contains(spec[0], StringComparison.Ordinal))
            (parsed, index) = (parsed with { Align = spec[0] }, 1);
        if (index < spec.Length && "+- ".Contains(spec[index], StringComparison.Ordinal))
            parsed = parsed with { Sign = spec[index++] };
        if (index < spec.Length && spec[index] == '#')
            (parsed, index) = (parsed with { IsAlternate = true }, index + 1);
        if (index < spec.Length && spec[index] == '0' && parsed.Align == '\0')
            (parsed, index) = (parsed with { Fill = '0', Align = '=' }, index + 1);
        parsed = parsed with { Width = Digits(spec, ref index) ?? 0 };
        if (index < spec.Length && spec[index] is ',' or '_')
            parsed = parsed with { Grouping = spec[index++] };
        if (index < spec.Length && spec[index] == '.')
        {
            index++;
            parsed = parsed with { Precision = Digits(spec, ref index) ?? throw new TemplateFault("Format specifier missing precision") };
        }
        if (index < spec.Length)
            parsed = parsed with { Type = spec[index++] };
        return index == spec.Length ? parsed : throw new TemplateFault($"Invalid format specifier '{spec}'");
    }

    /// <summary>Reads a width or precision.</summary>
    public static int? Digits(string text, ref int index)
    {
        int start = index;
        while (index < text.Length && char.IsAsciiDigit(text[index]))
            index++;
        if (index == start)
            return null;
        return int.TryParse(text.AsSpan(start, index - start), NumberStyles.None, CultureInfo.InvariantCulture, out int value)
            ? value
            : throw new TemplateFault("Too many decimal digits in format string");
    }

    /// <summary>Writes a value of any type.</summary>
    public string Apply(RenderState state, TemplateValue value)
    {
        state.Meter.RequireLength(Width);
        state.Meter.RequireLength(Precision ?? 0);
        state.Meter.ChargeLength(Width);
        if (value is BooleanValue && Type == '\0' || value.AsNumber is null)
            return Text(state.ToText(value), value);
        return value.AsInteger is { } integer && Type is not ('e' or 'E' or 'f' or 'F' or 'g' or 'G' or '%')
            ? Integer(integer)
            : Float(value.AsNumber.Value);
    }

    /// <summary>Writes an integer in base 2, 8, 10 or 16.</summary>
    public string Integer(BigInteger value)
    {
        BigInteger magnitude = BigInteger.Abs(value);
        string digits = Type switch
        {
            'x' => magnitude.IsZero ? "0" : magnitude.ToString("x", CultureInfo.InvariantCulture).TrimStart('0'),
            'X' => magnitude.IsZero ? "0" : magnitude.ToString("X", CultureInfo.InvariantCulture).TrimStart('0'),
            'b' => magnitude.ToString("b", CultureInfo.InvariantCulture).TrimStart('0').PadLeft(1, '0'),
            'o' => Octal(magnitude),
            'c' => char.ConvertFromUtf32((int)magnitude),
            _ => magnitude.ToString(CultureInfo.InvariantCulture),
        };
        string prefix = IsAlternate && Type is 'x' or 'X' or 'o' or 'b' && IsAlternate ? "0" + Type : "";
        return Pad(SignOf(value.Sign < 0) + prefix, Group(digits), '>');
    }

    /// <summary>Writes a float.</summary>
    public string Float(double value)
    {
        string sign = SignOf(double.IsNegative(value));
        double magnitude = Math.Abs(value);
        if (!double.IsFinite(value))
            return Pad(sign, char.IsUpper(Type) ? PythonFloat.Repr(magnitude).ToUpperInvariant() : PythonFloat.Repr(magnitude), '>');
        int precision = Math.Min(Precision ?? 6, 400);
        string digits = Type switch
        {
            'f' or 'F' => PythonFloat.Fixed(magnitude, precision),
            '%' => PythonFloat.Fixed(magnitude * 100, precision) + "%",
            'e' or 'E' => Exponent(magnitude, precision),
            '\0' when Precision is null => PythonFloat.Repr(magnitude),
            _ => General(magnitude, Math.Max(precision, 1)),
        };
        return Pad(sign, Group(char.IsUpper(Type) ? digits.ToUpperInvariant() : digits), '>');
    }

    /// <summary>Writes a string, cut to the precision.</summary>
    public string Text(string text, TemplateValue value)
    {
        if (Type is not ('\0' or 's'))
            throw new TemplateFault($"Unknown format code '{Type}' for object of type '{value.TypeName}'");
        string cut = Precision is { } most ? PythonText.Slice(text, new SliceBounds(null, most, null)) : text;
        return Pad("", cut, '<');
    }

    private string SignOf(bool isNegative) =>
        isNegative ? "-"
        : Sign == '-' ? ""
        : Sign.ToString();

    private string Pad(string sign, string digits, char naturalAlign)
    {
        int missing = Math.Max(0, Width - sign.Length - PythonText.Length(digits));
        return (Align == '\0' ? naturalAlign : Align) switch
        {
            '<' => sign + digits + new string(Fill, missing),
            '^' => new string(Fill, missing / 2) + sign + digits + new string(Fill, missing - (missing / 2)),
            '=' => sign + new string(Fill, missing) + digits,
            _ => new string(Fill, missing) + sign + digits,
        };
    }

    private string Group(string digits)
    {
        if (Grouping == '\0')
            return digits;
        int size = Type is 'x' or 'X' or 'o' or 'b' ? 4 : 3;
        int end = digits.AsSpan().IndexOfAny('.', 'e', '%') is var point && point >= 0 ? point : digits.Length;
        for (int index = end - size; index > 0; index -= size)
            digits = digits.Insert(index, Grouping.ToString());
        return digits;
    }

    private static string Octal(BigInteger magnitude)
    {
        string digits = "";
        for (; !magnitude.IsZero; magnitude >>= 3)
            digits = (int)(magnitude & 7) + digits;
        return digits.Length == 0 ? "0" : digits;
    }

    private static string Exponent(double magnitude, int precision)
    {
        string text = magnitude.ToString("e" + precision, CultureInfo.InvariantCulture);
        int point = text.IndexOf('e', StringComparison.Ordinal);
        int exponent = int.Parse(text.AsSpan(point + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        return $"{text[..point]}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    private string General(double magnitude, int precision)
    {
        string scientific = Exponent(magnitude, precision - 1);
        int exponent = int.Parse(
            scientific.AsSpan(scientific.IndexOf('e', StringComparison.Ordinal) + 1),
            NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture
        );
        if (exponent < -4 || exponent >= precision)
        {
            string[] parts = scientific.Split('e');
            return (parts[0].Contains('.', StringComparison.Ordinal) ? parts[0].TrimEnd('0').TrimEnd('.') : parts[0]) + "e" + parts[1];
        }
        string plain = PythonFloat.Fixed(magnitude, precision - 1 - exponent);
        plain = plain.Contains('.', StringComparison.Ordinal) ? plain.TrimEnd('0').TrimEnd('.') : plain;
        return Type == '\0' && !plain.Contains('.', StringComparison.Ordinal) ? plain + ".0" : plain;
    }
}
