using System.Buffers.Binary;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tessera.Checkpoints.Weights;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tensors;

/// <summary>Conversions of elements, with the rounding of llama.cpp v0.5.0 (gguf-py/gguf/quants.py), which is NumPy's.</summary>
internal static class Elements
{
    private const int BlockLength = 32;
    private const int BlockByteLength = 34;

    /// <summary>Any type to single precision, exactly.</summary>
    public static void Widen(ElementType type, ReadOnlySpan<byte> source, Span<float> values)
    {
        switch (type)
        {
            case ElementType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(values));
                break;
            case ElementType.F16:
                TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(source), values);
                break;
            default:
                WidenBrain(MemoryMarshal.Cast<byte, ushort>(source), MemoryMarshal.Cast<float, uint>(values));
                break;
        }
    }

    /// <summary>Single precision to a stored type.</summary>
    public static void Narrow(GgufTensorType type, ReadOnlySpan<float> values, Span<byte> target)
    {
        switch (type)
        {
            case GgufTensorType.F32:
                MemoryMarshal.AsBytes(values).CopyTo(target);
                break;
            case GgufTensorType.F16:
                TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(target));
                break;
            case GgufTensorType.BF16:
                NarrowBrain(MemoryMarshal.Cast<float, uint>(values), MemoryMarshal.Cast<byte, ushort>(target));
                break;
            case GgufTensorType.Q8_0:
                Quantize(values, target);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "not a type that is written.");
        }
    }

    /// <summary>Whether an element is no number.</summary>
    public static bool HasNaN(ElementType type, ReadOnlySpan<byte> source) =>
        type switch
        {
            ElementType.F32 => Exceeds(MemoryMarshal.Cast<byte, uint>(source), 0x7fffffffu, 0x7f800000u),
            ElementType.F16 => Exceeds(MemoryMarshal.Cast<byte, ushort>(source), (ushort)0x7fff, (ushort)0x7c00),
            _ => Exceeds(MemoryMarshal.Cast<byte, ushort>(source), (ushort)0x7fff, (ushort)0x7f80),
        };

    private static bool Exceeds<T>(ReadOnlySpan<T> bits, T magnitude, T infinity)
        where T : unmanaged, IBinaryInteger<T>
    {
        int index = 0;
        var (mask, limit) = (new Vector<T>(magnitude), new Vector<T>(infinity));
        for (; index <= bits.Length - Vector<T>.Count; index += Vector<T>.Count)
            if (Vector.GreaterThanAny(new Vector<T>(bits[index..]) & mask, limit))
                return true;
        for (; index < bits.Length; index++)
            if ((bits[index] & magnitude) > infinity)
                return true;
        return false;
    }

    private static void WidenBrain(ReadOnlySpan<ushort> source, Span<uint> values)
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

    // To the nearest, ties to even; what is no number keeps its upper half and stays none.
    private static void NarrowBrain(ReadOnlySpan<uint> bits, Span<ushort> target)
    {
        for (int index = 0; index < bits.Length; index++)
        {
            uint value = bits[index];
            if ((value & 0x7fffffff) > 0x7f800000)
                value = (value & 0xffff0000) | (64 << 16);
            target[index] = (ushort)((value + 0x7fff + ((value >> 16) & 1)) >> 16);
        }
    }

    // A half scale and 32 bytes; halves round away from zero.
    private static void Quantize(ReadOnlySpan<float> values, Span<byte> target)
    {
        for (int block = 0; block < values.Length / BlockLength; block++)
        {
            ReadOnlySpan<float> source = values.Slice(block * BlockLength, BlockLength);
            Span<byte> stored = target.Slice(block * BlockByteLength, BlockByteLength);
            float scale = MathF.Abs(TensorPrimitives.MaxMagnitude(source)) / 127,
                inverse = scale == 0 ? 0 : 1 / scale;
            BinaryPrimitives.WriteHalfLittleEndian(stored, (Half)scale);
            for (int index = 0; index < BlockLength; index++)
            {
                float scaled = source[index] * inverse,
                    magnitude = MathF.Abs(scaled),
                    floor = MathF.Floor(magnitude);
                float rounded = floor + MathF.Floor(2 * (magnitude - floor));
                stored[2 + index] = (byte)(sbyte)(scaled < 0 ? -rounded : rounded);
            }
        }
    }
}
