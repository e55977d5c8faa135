using System.Globalization;
using System.Numerics;

namespace Tessera.Grammars;

/// <summary>A decimal number as a schema writes it, exactly: <c>Units / 10^Scale</c>.</summary>
internal readonly record struct ExactDecimal(BigInteger Units, int Scale) : IComparable<ExactDecimal>
{
    private const int MaxExponent = 400;

    public static ExactDecimal FromInteger(BigInteger value) => new(value, 0);

    /// <summary>Ten to a power that is not negative.</summary>
    public static ExactDecimal PowerOfTen(int power) => new(BigInteger.Pow(10, power), 0);

    /// <summary>Reads a JSON number; false where its exponent or its length is beyond reason.</summary>
    public static bool TryParse(string text, out ExactDecimal value)
    {
        value = default;
        int mark = text.AsSpan().IndexOfAny('e', 'E');
        int exponent = 0;
        if (
            text.Length > MaxExponent
            || (
                mark >= 0 && !int.TryParse(text.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent)
            )
            || Math.Abs(exponent) > MaxExponent
        )
            return false;
        string mantissa = mark >= 0 ? text[..mark] : text;
        int point = mantissa.IndexOf('.');
        int scale = (point >= 0 ? mantissa.Length - point - 1 : 0) - exponent;
        var units = BigInteger.Parse(
            mantissa.Replace(".", "", StringComparison.Ordinal),
            NumberStyles.AllowLeadingSign,
            CultureInfo.InvariantCulture
        );
        if (scale < 0)
            (units, scale) = (units * BigInteger.Pow(10, -scale), 0);
        while (scale > 0 && units % 10 == 0)
            (units, scale) = (units / 10, scale - 1);
        value = new ExactDecimal(units, scale);
        return true;
    }

    public int CompareTo(ExactDecimal other) =>
        UnitsAt(Math.Max(Scale, other.Scale)).CompareTo(other.UnitsAt(Math.Max(Scale, other.Scale)));

    public ExactDecimal Negate() => this with { Units = -Units };

    /// <summary>The units at a scale that is not smaller.</summary>
    public BigInteger UnitsAt(int scale) => Units * BigInteger.Pow(10, scale - Scale);

    /// <summary>The nearest number with so many digits after the point that is not less, or not more.</summary>
    public ExactDecimal Round(int scale, bool up)
    {
        if (Scale <= scale)
            return this;
        var divisor = BigInteger.Pow(10, Scale - scale);
        BigInteger quotient = BigInteger.DivRem(Units, divisor, out BigInteger rest);
        if (rest != 0 && up && Units.Sign > 0)
            quotient++;
        if (rest != 0 && !up && Units.Sign < 0)
            quotient--;
        return new ExactDecimal(quotient, scale);
    }

    public override string ToString() => Scale == 0 ? Units.ToString(CultureInfo.InvariantCulture) : $"{Units}e-{Scale}";
}

/// <summary>An end of a range.</summary>
internal readonly record struct NumberBound(ExactDecimal Value, bool IsExclusive);
