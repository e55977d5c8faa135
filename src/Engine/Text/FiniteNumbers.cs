using System.Numerics;
using System.Runtime.InteropServices;

namespace Tessera.Text;

/// <summary>
/// Checks numbers that come from a file before the language model computes with them: one that is no number, or so large that sums of
/// squares are none, would reach every other answer through the KV cache, where what is masked is still multiplied.
/// </summary>
internal static class FiniteNumbers
{
    // The square of it, summed over any width, is far from the end of float32.
    private const float Largest = 1e12f;

    // Bits of the exponent; all of them are set in infinities and what is no number.
    private const ushort HalfExponent = 0x7C00,
        BrainExponent = 0x7F80;

    /// <summary>Whether all are numbers of a size that a model computes with.</summary>
    public static bool AreIn(ReadOnlySpan<float> values)
    {
        int index = 0;
        var largest = new Vector<float>(Largest);
        for (; index <= values.Length - Vector<float>.Count; index += Vector<float>.Count)
        {
            // False for what is no number, too.
            if (!Vector.LessThanOrEqualAll(Vector.Abs(new Vector<float>(values[index..])), largest))
                return false;
        }

        for (; index < values.Length; index++)
            if (!(Math.Abs(values[index]) <= Largest))
                return false;
        return true;
    }

    /// <summary>Whether all F16 numbers are finite.</summary>
    public static bool AreInHalves(ReadOnlySpan<byte> values) => HaveNoExponent(MemoryMarshal.Cast<byte, ushort>(values), HalfExponent);

    /// <summary>Whether all BF16 numbers are finite.</summary>
    public static bool AreInBrains(ReadOnlySpan<byte> values) => HaveNoExponent(MemoryMarshal.Cast<byte, ushort>(values), BrainExponent);

    private static bool HaveNoExponent(ReadOnlySpan<ushort> values, ushort exponent)
    {
        int index = 0;
        var mask = new Vector<ushort>(exponent);
        for (; index <= values.Length - Vector<ushort>.Count; index += Vector<ushort>.Count)
            if (Vector.EqualsAny(new Vector<ushort>(values[index..]) & mask, mask))
                return false;
        for (; index < values.Length; index++)
            if ((values[index] & exponent) == exponent)
                return false;
        return true;
    }
}
