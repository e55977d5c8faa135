using System.Globalization;
using System.Numerics;
using static Tessera.Grammars.GrammarExpression;

namespace Tessera.Grammars;

/// <summary>The numbers within bounds as digits: at most 15 significant ones, which a double tells apart, unless the bounds have
/// more.</summary>
internal static class NumberGrammar
{
    /// <summary>Significant digits of a number.</summary>
    public const int DigitCount = 15;

    /// <summary>Digits before the point that a bound may have.</summary>
    public const int MaxBoundDigits = 30;

    private static readonly CharacterClass Digit = new(CharacterSet.Digits);
    private static readonly CharacterClass FirstDigit = new(CharacterSet.Of(('1', '9')));

    /// <summary>Numbers within bounds.</summary>
    /// <param name="least">The lower bound, or null.</param>
    /// <param name="most">The upper bound, or null.</param>
    /// <param name="scale">The most digits after the point; 0 for integers.</param>
    public static GrammarExpression Within(NumberBound? least, NumberBound? most, int scale)
    {
        if (least is null && most is null && scale >= DigitCount)
            return Either(Within(-Limit, Limit, DigitCount), Scientific());
        NumberBound low = least ?? -Limit,
            high = most ?? Limit;
        // What has no bound on one side reaches beyond the other.
        if (least is null && high.Value.CompareTo((-Limit).Value) <= 0)
            low = new NumberBound(new ExactDecimal(high.Value.Units * 10, high.Value.Scale), false);
        if (most is null && low.Value.CompareTo(Limit.Value) >= 0)
            high = new NumberBound(new ExactDecimal(low.Value.Units * 10, low.Value.Scale), false);
        return Within(low, high, scale);
    }

    private static Bound Limit => new(ExactDecimal.FromInteger(BigInteger.Pow(10, DigitCount) - 1));

    private static GrammarExpression Within(NumberBound low, NumberBound high, int scale)
    {
        low = Rounded(low, scale, up: true);
        high = Rounded(high, scale, up: false);
        var options = new List<GrammarExpression>();
        var zero = new NumberBound(default, false);
        if (low.Value.Units.Sign < 0)
        {
            // Minus zero is left to zero.
            NumberBound nearest =
                high.Value.Units.Sign < 0 ? new NumberBound(high.Value.Negate(), high.IsExclusive) : zero with { IsExclusive = true };
            options.Add(Join(Exactly("-"), Positive(nearest, new NumberBound(low.Value.Negate(), low.IsExclusive), scale)));
        }

        if (high.Value.Units.Sign >= 0)
            options.Add(Positive(low.Value.Units.Sign >= 0 ? low : zero, high, scale));
        return Either(options);
    }

    // An exclusive bound that rounding moved is an inclusive one; one of integers moves by one.
    private static NumberBound Rounded(NumberBound bound, int scale, bool up)
    {
        ExactDecimal value = bound.Value.Round(scale, up);
        bool moved = value.CompareTo(bound.Value) != 0;
        if (scale == 0 && bound.IsExclusive && !moved)
            return new NumberBound(value with { Units = value.Units + (up ? 1 : -1) }, false);
        return new NumberBound(value, bound.IsExclusive && !moved);
    }

    private static GrammarExpression Positive(NumberBound low, NumberBound high, int scale)
    {
        int order = low.Value.CompareTo(high.Value);
        if (order > 0 || (order == 0 && (low.IsExclusive || high.IsExclusive)))
            return Never;
        int fraction = Math.Max(low.Value.Scale, high.Value.Scale);
        string lowDigits = Digits(low.Value, fraction),
            highDigits = Digits(high.Value, fraction);
        var options = new List<GrammarExpression>();
        for (int length = lowDigits.Length - fraction; length <= highDigits.Length - fraction; length++)
        {
            var range = new DigitRange(
                length,
                lowDigits.Length - fraction == length ? lowDigits : null,
                highDigits.Length - fraction == length ? highDigits : null,
                low.IsExclusive,
                high.IsExclusive,
                scale == 0 ? 0 : Math.Max(fraction, Math.Min(scale, DigitCount - length))
            );
            options.Add(range.After(0, range.Low is not null, range.High is not null));
        }

        return Either(options);
    }

    private static string Digits(ExactDecimal value, int fraction) =>
        value.UnitsAt(fraction).ToString(CultureInfo.InvariantCulture).PadLeft(fraction + 1, '0');

    private static GrammarExpression Scientific() =>
        Join(
            Optional(Exactly("-")),
            FirstDigit,
            Optional(Join(Exactly("."), Times(Digit, 1, DigitCount - 1))),
            new CharacterClass(CharacterSet.Of(('e', 'e'), ('E', 'E'))),
            Optional(new CharacterClass(CharacterSet.Of(('+', '+'), ('-', '-')))),
            Times(Digit, 1, 2)
        );

    private readonly record struct Bound(ExactDecimal Value)
    {
        public static implicit operator NumberBound(Bound bound) => new(bound.Value, false);

        public static implicit operator NumberBound?(Bound bound) => new NumberBound(bound.Value, false);

        public static Bound operator -(Bound bound) => new(bound.Value.Negate());
    }

    /// <summary>Numbers with so many digits before the point, digit by digit along the bounds until they are left.</summary>
    private sealed record DigitRange(int Length, string? Low, string? High, bool LowIsExclusive, bool HighIsExclusive, int MaxFraction)
    {
        private int Known => (Low ?? High)!.Length;

        /// <summary>What follows so many digits that are the lower bound's, the upper bound's, both or neither.</summary>
        public GrammarExpression After(int count, bool onLow, bool onHigh)
        {
            if (!onLow && !onHigh)
                return Free(count);
            if (count < Length)
                return Next(count, onLow, onHigh);
            var options = new List<GrammarExpression>();
            if (MayEnd(count, onLow, onHigh))
                options.Add(Empty);
            if (count - Length < MaxFraction)
                options.Add(Join(Exactly(count == Length ? "." : ""), Next(count, onLow, onHigh)));
            return Either(options);
        }

        private bool MayEnd(int count, bool onLow, bool onHigh)
        {
            if (onLow && (!IsZeroFrom(Low!, count) || LowIsExclusive))
                return false;
            return !onHigh || !IsZeroFrom(High!, count) || !HighIsExclusive;
        }

        private GrammarExpression Next(int count, bool onLow, bool onHigh)
        {
            // Beyond the upper bound's digits there are only zeros; beyond the lower bound's, anything is more.
            if (count >= Known && onHigh)
                return Never;
            int low = onLow ? DigitAt(Low!, count)
                : count == 0 && Length > 1 ? 1
                : 0,
                high = onHigh ? DigitAt(High!, count) : 9;
            if (onLow && onHigh && low == high)
                return Join(Exactly(low.ToString(CultureInfo.InvariantCulture)), After(count + 1, true, true));
            var options = new List<GrammarExpression>();
            if (onLow)
                options.Add(Join(Exactly(low.ToString(CultureInfo.InvariantCulture)), After(count + 1, true, false)));
            int from = onLow ? low + 1 : low,
                to = onHigh ? high - 1 : high;
            if (from <= to)
                options.Add(Join(new CharacterClass(CharacterSet.Of(('0' + from, '0' + to))), Free(count + 1)));
            if (onHigh)
                options.Add(Join(Exactly(high.ToString(CultureInfo.InvariantCulture)), After(count + 1, false, true)));
            return Either(options);
        }

        private GrammarExpression Free(int count)
        {
            int whole = Math.Max(0, Length - count),
                fraction = Math.Min(MaxFraction, MaxFraction - (count - Length));
            GrammarExpression before =
                count == 0 && Length > 1 ? Join(FirstDigit, Times(Digit, whole - 1, whole - 1)) : Times(Digit, whole, whole);
            if (count > Length)
                return Times(Digit, 0, fraction);
            return MaxFraction == 0 ? before : Join(before, Optional(Join(Exactly("."), Times(Digit, 1, MaxFraction))));
        }

        private static int DigitAt(string digits, int index) => index < digits.Length ? digits[index] - '0' : 0;

        private static bool IsZeroFrom(string digits, int index) => index >= digits.Length || digits.AsSpan(index).TrimStart('0').IsEmpty;
    }
}
