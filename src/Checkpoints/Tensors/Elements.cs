using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Tessera.Checkpoints.Weights;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tensors;

/// <summary>Conversions of elements, with the rounding of llama.cpp v0.5.0 (gguf-py/gguf/quants.py), which is NumPy's.</summary>
internal static class Elements
{
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
                BrainFloat.Widen(MemoryMarshal.Cast<byte, ushort>(source), MemoryMarshal.Cast<float, uint>(values));
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
                BrainFloat.Narrow(MemoryMarshal.Cast<float, uint>(values), MemoryMarshal.Cast<byte, ushort>(target));
                break;
            case GgufTensorType.Q8_0:
                EightBitBlocks.Quantize(values, target);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "not a type that is written.");
        }
    }

    /// <summary>BF16 to F16. All normal results are exact; the others are rounded to the nearest, ties to even.</summary>
    public static void ToHalf(ReadOnlySpan<byte> source, Span<byte> target) =>
        BrainFloat.ToHalf(MemoryMarshal.Cast<byte, ushort>(source), MemoryMarshal.Cast<byte, ushort>(target));

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
}
