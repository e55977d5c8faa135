using System.Globalization;
using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>Floats as Python writes, rounds and reads them.</summary>
internal static class PythonFloat
{
    /// <summary>The shortest text that reads back as the same float (Python's repr).</summary>
    public static string Repr(double value)
    {
        if (double.IsNaN(value))
            return "nan";
        if (double.IsInfinity(value))
            return value > 0 ? "inf" : "-inf";
        (string sign, string digits, int exponent) = Digits(value);
        if (exponent is < -4 or >= 16)
            return sign + Scientific(digits, exponent);
        if (exponent < 0)
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        string padded = digits.PadRight(exponent + 2, '0');
        return $"{sign}{padded[..(exponent + 1)]}.{padded[(exponent + 1)..]}";
    }

    /// <summary>The value with so many decimals, a half going to the even neighbour, computed exactly.</summary>
    public static string Fixed(double value, int decimals)
    {
        BigInteger scaled = Scale(Math.Abs(value), decimals);
        string digits = scaled.ToString(CultureInfo.InvariantCulture);
        string sign = double.IsNegative(value) ? "-" : "";
        if (decimals <= 0)
            return sign + (scaled.IsZero ? "0" : digits + new string('0', -decimals));
        digits = digits.PadLeft(decimals + 1, '0');
        return $"{sign}{digits[..^decimals]}.{digits[^decimals..]}";
    }

    /// <summary>Python's round(value, decimals).</summary>
    public static double Round(double value, int decimals)
    {
        if (!double.IsFinite(value) || decimals > 323)
            return value;
        return decimals < -308 ? 0 : double.Parse(Fixed(value, decimals), CultureInfo.InvariantCulture);
    }

    /// <summary>Reads what Python's float() reads.</summary>
    public static bool TryParse(string text, out double value)
    {
        string trimmed = PythonText.Strip(text, null, atStart: true, atEnd: true).Replace("_", "", StringComparison.Ordinal);
        switch (trimmed.TrimStart('+', '-').ToUpperInvariant())
        {
            case "INF" or "INFINITY":
                value = trimmed[0] == '-' ? double.NegativeInfinity : double.PositiveInfinity;
                return true;
            case "NAN":
                value = double.NaN;
                return true;
            default:
                const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
                return double.TryParse(trimmed, Styles, CultureInfo.InvariantCulture, out value);
        }
    }

    private static (string Sign, string Digits, int Exponent) Digits(double value)
    {
        // .NET's default format is the shortest one too; only where it puts the point and the exponent differs.
        string[] parts = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture).Split('E');
        string[] mantissa = parts[0].Split('.');
        string all = string.Concat(mantissa);
        string digits = all.TrimStart('0');
        int exponent = mantissa[0].Length - 1 - (all.Length - digits.Length);
        if (parts.Length > 1)
            exponent += int.Parse(parts[1], CultureInfo.InvariantCulture);
        digits = digits.TrimEnd('0');
        return (double.IsNegative(value) ? "-" : "", digits.Length == 0 ? "0" : digits, digits.Length == 0 ? 0 : exponent);
    }

    private static string Scientific(string digits, int exponent)
    {
        string mantissa = digits.Length == 1 ? digits : $"{digits[0]}.{digits[1..]}";
        return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}";
    }

    private static BigInteger Scale(double magnitude, int decimals)
    {
        long bits = BitConverter.DoubleToInt64Bits(magnitude);
        int exponent = (int)(bits >> 52);
        BigInteger numerator = exponent == 0 ? bits & 0xFFFFFFFFFFFFF : (bits & 0xFFFFFFFFFFFFF) | 1L << 52;
        int power = Math.Max(exponent, 1) - 1075;
        BigInteger denominator = BigInteger.One;
        if (power > 0)
            numerator <<= power;
        else
            denominator <<= -power;
        if (decimals > 0)
            numerator *= BigInteger.Pow(10, decimals);
        else
            denominator *= BigInteger.Pow(10, -decimals);
        BigInteger quotient = BigInteger.DivRem(numerator, denominator, out BigInteger remainder);
        int half = (remainder * 2).CompareTo(denominator);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }
}
