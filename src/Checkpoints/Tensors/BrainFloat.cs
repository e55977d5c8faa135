using System.Numerics;

namespace Tessera.Checkpoints.Tensors;

/// <summary>BF16: the upper half of a single precision number.</summary>
internal static class BrainFloat
{
    // Exponents of BF16 that are F16's least and one above its greatest, and what lies between the two ways to count them.
    private const ushort LeastNormal = 113 << 7,
        Overflow = 143 << 7,
        ExponentStep = 112 << 7;
    private const ushort Infinity = 0x7f80,
        HalfInfinity = 0x7c00;

    /// <summary>To single precision, exactly.</summary>
    public static void Widen(ReadOnlySpan<ushort> source, Span<uint> values)
    {
        int index = 0;
        for (; index <= source.Length - Vector<ushort>.Count; index += Vector<ushort>.Count)
        {
            Vector.Widen(new Vector<ushort>(source[index..]), out Vector<uint> low, out Vector<uint> high);
            (low << 16).CopyTo(values[index..]);
            (high << 16).CopyTo(values[(index + Vector<uint>.Count)..]);
        }

        for (; index < source.Length; index++)
            values[index] = (uint)source[index] << 16;
    }

    /// <summary>Of single precision, to the nearest, ties to even; what is no number keeps its upper half and stays none.</summary>
    public static void Narrow(ReadOnlySpan<uint> bits, Span<ushort> target)
    {
        int index = 0;
        for (; index <= bits.Length - Vector<ushort>.Count; index += Vector<ushort>.Count)
            Vector
                .Narrow(Narrow(new Vector<uint>(bits[index..])), Narrow(new Vector<uint>(bits[(index + Vector<uint>.Count)..])))
                .CopyTo(target[index..]);
        for (; index < bits.Length; index++)
        {
            uint value = bits[index];
            if ((value & 0x7fffffff) > 0x7f800000)
                value = (value & 0xffff0000) | (64 << 16);
            target[index] = (ushort)((value + 0x7fff + ((value >> 16) & 1)) >> 16);
        }
    }

    /// <summary>To F16: normal results are exact; the others are rounded to the nearest, ties to even.</summary>
    public static void ToHalf(ReadOnlySpan<ushort> source, Span<ushort> target)
    {
        int index = 0;
        for (; index <= source.Length - Vector<ushort>.Count; index += Vector<ushort>.Count)
            ToHalf(new Vector<ushort>(source[index..])).CopyTo(target[index..]);
        Span<ushort> rest = stackalloc ushort[Vector<ushort>.Count];
        rest.Clear();
        source[index..].CopyTo(rest);
        ToHalf(new Vector<ushort>(rest)).CopyTo(rest);
        rest[..(source.Length - index)].CopyTo(target[index..]);
    }

    private static Vector<uint> Narrow(Vector<uint> value)
    {
        Vector<uint> isNaN = Vector.GreaterThan(value & new Vector<uint>(0x7fffffff), new Vector<uint>(0x7f800000));
        value = Vector.ConditionalSelect(isNaN, (value & new Vector<uint>(0xffff0000)) | new Vector<uint>(64 << 16), value);
        return (value + new Vector<uint>(0x7fff) + ((value >> 16) & Vector<uint>.One)) >> 16;
    }

    private static Vector<ushort> ToHalf(Vector<ushort> value)
    {
        Vector<ushort> magnitude = value & new Vector<ushort>(0x7fff);
        Vector<ushort> result = (magnitude - new Vector<ushort>(ExponentStep)) << 3;
        Vector.Widen(magnitude, out Vector<uint> low, out Vector<uint> high);
        result = Vector.ConditionalSelect(
            Vector.LessThan(magnitude, new Vector<ushort>(LeastNormal)),
            Vector.Narrow(Subnormal(low), Subnormal(high)),
            result
        );
        result = Vector.ConditionalSelect(
            Vector.GreaterThanOrEqual(magnitude, new Vector<ushort>(Overflow)),
            new Vector<ushort>(HalfInfinity),
            result
        );
        result = Vector.ConditionalSelect(
            Vector.GreaterThan(magnitude, new Vector<ushort>(Infinity)),
            new Vector<ushort>(HalfInfinity) | ((magnitude & new Vector<ushort>(0x7f)) << 3),
            result
        );
        return result | (value & new Vector<ushort>(0x8000));
    }

    // Beside a half, whose last place is 2^-24, the processor itself rounds to F16's least steps.
    private static Vector<uint> Subnormal(Vector<uint> magnitude)
    {
        var half = new Vector<float>(0.5f);
        return Vector.AsVectorUInt32(Vector.AsVectorSingle(magnitude << 16) + half) - Vector.AsVectorUInt32(half);
    }
}
