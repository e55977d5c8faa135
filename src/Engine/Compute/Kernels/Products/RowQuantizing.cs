using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Blocks of 32 elements of x, rounded to bytes or words of a common scale each. A block with infinity or what is no number gets a scale
/// that makes every product with it none.
/// </summary>
internal static unsafe class RowQuantizing
{
    /// <summary>Elements of a block.</summary>
    public const int Depth = 32;

    // 2 to the power -100: what is counted in its units is normal when it is a number again.
    private const uint LeastPower = 27u << FractionBits,
        Infinite = 0x7f800000;
    private const int FractionBits = 23;
    private static readonly Vector256<int> InOrder = Vector256.Create(0, 4, 1, 5, 2, 6, 3, 7);

    /// <summary>Quantizes a block to bytes, -127 to 127.</summary>
    /// <param name="values">The block.</param>
    /// <param name="bytes">Gets the bytes.</param>
    /// <param name="toPower">Whether the scale is the next power of two, of at least 2 to the power -100.</param>
    /// <returns>The scale, and the sums of the first and the last 16 bytes.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float Scale, int First, int Last) ToBytes(float* values, byte* bytes, bool toPower = false)
    {
        (float scale, Vector256<short> low, Vector256<short> high) = Round(values, sbyte.MaxValue, toPower);
        Vector256<byte> packed = Avx2.PermuteVar8x32(Avx2.PackSignedSaturate(low, high).AsInt32(), InOrder).AsByte();
        packed.Store(bytes);
        // Sums of eight as the processor has them, of bytes without signs.
        Vector256<long> sums = Avx2.SumAbsoluteDifferences(packed ^ Vector256.Create((byte)0x80), Vector256<byte>.Zero).AsInt64();
        const int Excess = 128 * Depth / 2;
        return (scale, (int)(sums[0] + sums[1]) - Excess, (int)(sums[2] + sums[3]) - Excess);
    }

    /// <summary>Quantizes a block to words, -32767 to 32767.</summary>
    /// <returns>The scale, and the sum of the words.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (float Scale, int Sum) ToWords(float* values, byte* words)
    {
        (float scale, Vector256<short> low, Vector256<short> high) = Round(values, short.MaxValue, toPower: false);
        low = Avx2.Permute4x64(low.AsInt64(), 0xd8).AsInt16();
        high = Avx2.Permute4x64(high.AsInt64(), 0xd8).AsInt16();
        low.Store((short*)words);
        high.Store((short*)words + Vector256<short>.Count);
        Vector256<short> one = Vector256<short>.One;
        return (scale, Vector256.Sum(Avx2.MultiplyAddAdjacent(low, one) + Avx2.MultiplyAddAdjacent(high, one)));
    }

    // To nearest even; the words' lanes are those of two vectors packed together.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (float Scale, Vector256<short> Low, Vector256<short> High) Round(float* values, float greatest, bool toPower)
    {
        Vector256<float> a = Vector256.Load(values),
            b = Vector256.Load(values + 8),
            c = Vector256.Load(values + 16),
            d = Vector256.Load(values + 24);
        // As integers, sizes are in the order of the numbers, infinity and what is no number behind them.
        Vector256<int> size = Vector256.Create(int.MaxValue);
        Vector256<int> largest = Avx2.Max(
            Avx2.Max(a.AsInt32() & size, b.AsInt32() & size),
            Avx2.Max(c.AsInt32() & size, d.AsInt32() & size)
        );
        Vector128<int> four = Sse41.Max(largest.GetLower(), largest.GetUpper());
        four = Sse41.Max(four, Sse2.Shuffle(four, 0x4e));
        four = Sse41.Max(four, Sse2.Shuffle(four, 0xb1));
        float scale = four.AsSingle().ToScalar() / greatest;
        if (toPower)
            scale = NextPower(scale);
        Vector256<float> inverse = Vector256.Create(scale > 0 ? 1 / scale : 0);
        return (
            scale,
            Avx2.PackSignedSaturate(Avx.ConvertToVector256Int32(a * inverse), Avx.ConvertToVector256Int32(b * inverse)),
            Avx2.PackSignedSaturate(Avx.ConvertToVector256Int32(c * inverse), Avx.ConvertToVector256Int32(d * inverse))
        );
    }

    // Infinity and what is no number stay.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float NextPower(float scale)
    {
        uint bits = Math.Max(BitConverter.SingleToUInt32Bits(scale), LeastPower);
        return BitConverter.UInt32BitsToSingle(bits < Infinite ? (bits + (1u << FractionBits) - 1) & Infinite : bits);
    }
}
