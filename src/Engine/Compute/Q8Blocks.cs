using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Tessera.Compute;

/// <summary>
/// Quantizes to Q8_0 and back with vectors, to the same bytes as ggml (ggml 0.25.1, src/ggml-quants.c, quantize_row_q8_0_ref and
/// dequantize_row_q8_0), whose own code is scalar: loading an F16 tower would mostly wait for it.
/// </summary>
internal static class Q8Blocks
{
    /// <summary>Values of a block.</summary>
    public const int Length = 32;

    /// <summary>Bytes of a block: the scale in half precision, then a signed byte for each value.</summary>
    public const int ByteLength = 2 + Length;

    // The float below a half: adding it and cutting the fraction off rounds halves away from zero, as roundf does.
    private const float BelowHalf = 0.49999997f;

    /// <summary>Quantizes whole blocks. A value that is no number makes its block's scale none.</summary>
    /// <remarks>Compiled as well as can be at once: a model is loaded before the runtime would notice that it matters.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Quantize(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length % Length, 0, nameof(values));
        for (; values.Length > 0; values = values[Length..], blocks = blocks[ByteLength..])
            QuantizeBlock(values[..Length], blocks[..ByteLength]);
    }

    /// <summary>The values of whole blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToFloat(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(values.Length % Length, 0, nameof(values));
        for (; values.Length > 0; values = values[Length..], blocks = blocks[ByteLength..])
        {
            var scale = (float)BinaryPrimitives.ReadHalfLittleEndian(blocks);
            (Vector256<short> low, Vector256<short> high) = Vector256.Widen(Vector256.LoadUnsafe(in blocks[2]).AsSByte());
            (Vector256<int> a, Vector256<int> b) = Vector256.Widen(low);
            (Vector256<int> c, Vector256<int> d) = Vector256.Widen(high);
            ref float first = ref MemoryMarshal.GetReference(values[..Length]);
            (Vector256.ConvertToSingle(a) * scale).StoreUnsafe(ref first);
            (Vector256.ConvertToSingle(b) * scale).StoreUnsafe(ref first, 8);
            (Vector256.ConvertToSingle(c) * scale).StoreUnsafe(ref first, 16);
            (Vector256.ConvertToSingle(d) * scale).StoreUnsafe(ref first, 24);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void QuantizeBlock(ReadOnlySpan<float> values, Span<byte> block)
    {
        ref float first = ref MemoryMarshal.GetReference(values);
        Vector256<float> a = Vector256.LoadUnsafe(ref first),
            b = Vector256.LoadUnsafe(ref first, 8),
            c = Vector256.LoadUnsafe(ref first, 16),
            d = Vector256.LoadUnsafe(ref first, 24);
        float scale =
            Largest(Vector256.Max(Vector256.Max(Vector256.Abs(a), Vector256.Abs(b)), Vector256.Max(Vector256.Abs(c), Vector256.Abs(d))))
            / 127;
        BinaryPrimitives.WriteHalfLittleEndian(block, (Half)scale);
        Vector256<float> inverse = Vector256.Create(scale == 0 ? 0 : 1 / scale);
        Vector256<short> low = Vector256.Narrow(Round(a * inverse), Round(b * inverse)),
            high = Vector256.Narrow(Round(c * inverse), Round(d * inverse));
        Vector256.Narrow(low, high).AsByte().StoreUnsafe(ref block[2]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Round(Vector256<float> x) =>
        Vector256.ConvertToInt32Native(x + Vector256.ConditionalSelect(Vector256.Create(-0f), x, Vector256.Create(BelowHalf)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector256<float> x)
    {
        Vector128<float> four = Vector128.Max(x.GetLower(), x.GetUpper());
        Vector128<float> two = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}
