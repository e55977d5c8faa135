using System.Numerics;

namespace Tessera.ChatTemplates;

/// <summary>The three parts of a slice, each absent or an integer.</summary>
internal readonly record struct SliceBounds(BigInteger? Start, BigInteger? Stop, BigInteger? Step)
{
    /// <summary>The indices that the slice picks from a sequence, as Python's slice.indices counts them.</summary>
    public IEnumerable<int> Indices(int length)
    {
        BigInteger step = Step ?? BigInteger.One;
        if (step.IsZero)
            throw new TemplateFault("slice step cannot be zero");
        bool isBackward = step.Sign < 0;
        int lowest = isBackward ? -1 : 0,
            highest = isBackward ? length - 1 : length;
        int start = Bound(Start, length, lowest, highest, isBackward ? highest : lowest);
        int stop = Bound(Stop, length, lowest, highest, isBackward ? lowest : highest);
        return Walk(start, stop, (int)BigInteger.Clamp(step, -int.MaxValue / 2, int.MaxValue / 2));
    }

    private static int Bound(BigInteger? wanted, int length, int lowest, int highest, int absent)
    {
        if (wanted is not { } value)
            return absent;
        return (int)BigInteger.Clamp(value.Sign < 0 ? value + length : value, lowest, highest);
    }

    private static IEnumerable<int> Walk(int start, int stop, int step)
    {
        for (long index = start; step > 0 ? index < stop : index > stop; index += step)
            yield return (int)index;
    }
}
