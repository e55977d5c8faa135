using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Imaging;

/// <summary>The vertical pass on blocks of 32 bytes with AVX2: two rows a step, exact 32-bit sums from split weights as in
/// <see cref="PackedWindows"/>.</summary>
internal static unsafe class VerticalPassAvx2
{
    /// <summary>Bytes of a row done at once; a shorter row cannot be done here.</summary>
    public const int BlockSize = 32;

    private const int LowBits = PackedWindows.LowBits;

    private struct Sums
    {
        public Vector256<int> Low0,
            Low1,
            Low2,
            Low3,
            High0,
            High1,
            High2,
            High3;
    }

    /// <summary>One output row of <paramref name="rowByteLength"/> bytes, whole; returns that length.</summary>
    public static int Row(byte* source, byte* output, int rowByteLength, ReadOnlySpan<int> weights)
    {
        for (int x = 0; x < rowByteLength; x += BlockSize)
        {
            // The last block overlaps the one before it.
            int begin = Math.Min(x, rowByteLength - BlockSize);
            Block(source + begin, output + begin, rowByteLength, weights);
        }
        return rowByteLength;
    }

    private static void Block(byte* source, byte* output, int rowByteLength, ReadOnlySpan<int> weights)
    {
        Sums sums = default;
        int k = 0;
        for (; k + 1 < weights.Length; k += 2)
        {
            AddRows(ref sums, Vector256.Load(source), Vector256.Load(source + rowByteLength), weights[k], weights[k + 1]);
            source += 2L * rowByteLength;
        }
        if (k < weights.Length)
            AddRows(ref sums, Vector256.Load(source), Vector256<byte>.Zero, weights[k], 0);
        Vector256<short> lower = Avx2.PackSignedSaturate(Finish(sums.Low0, sums.High0), Finish(sums.Low1, sums.High1));
        Vector256<short> upper = Avx2.PackSignedSaturate(Finish(sums.Low2, sums.High2), Finish(sums.Low3, sums.High3));
        Avx2.PackUnsignedSaturate(lower, upper).Store(output);
    }

    // Interleaves the two rows within 128-bit lanes; packing at the end undoes that order.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddRows(ref Sums sums, Vector256<byte> first, Vector256<byte> second, int firstWeight, int secondWeight)
    {
        const int LowMask = (1 << LowBits) - 1;
        Vector256<short> low = Vector256.Create((firstWeight & LowMask) | (secondWeight & LowMask) << 16).AsInt16();
        Vector256<short> high = Vector256.Create((firstWeight >> LowBits & 0xFFFF) | secondWeight >> LowBits << 16).AsInt16();
        Vector256<byte> lower = Avx2.UnpackLow(first, second),
            upper = Avx2.UnpackHigh(first, second);
        Vector256<short> values = Avx2.UnpackLow(lower, Vector256<byte>.Zero).AsInt16();
        sums.Low0 += Avx2.MultiplyAddAdjacent(values, low);
        sums.High0 += Avx2.MultiplyAddAdjacent(values, high);
        values = Avx2.UnpackHigh(lower, Vector256<byte>.Zero).AsInt16();
        sums.Low1 += Avx2.MultiplyAddAdjacent(values, low);
        sums.High1 += Avx2.MultiplyAddAdjacent(values, high);
        values = Avx2.UnpackLow(upper, Vector256<byte>.Zero).AsInt16();
        sums.Low2 += Avx2.MultiplyAddAdjacent(values, low);
        sums.High2 += Avx2.MultiplyAddAdjacent(values, high);
        values = Avx2.UnpackHigh(upper, Vector256<byte>.Zero).AsInt16();
        sums.Low3 += Avx2.MultiplyAddAdjacent(values, low);
        sums.High3 += Avx2.MultiplyAddAdjacent(values, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Finish(Vector256<int> low, Vector256<int> high) =>
        (low + (high << LowBits) + Vector256.Create(1 << (ResampleWindows.PrecisionBits - 1))) >> ResampleWindows.PrecisionBits;
}
