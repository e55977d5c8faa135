using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Imaging;

/// <summary>The vertical pass on blocks of 32 bytes with AVX-VNNI: four rows a step.</summary>
internal static unsafe class VerticalPassVnni
{
    private const int BlockSize = VerticalPassAvx2.BlockSize;

    /// <summary>One output row, whole, from <paramref name="rowCount"/> rows at <paramref name="source"/>; returns its
    /// <paramref name="rowByteLength"/>.</summary>
    public static int Row(byte* source, int rowCount, byte* output, int rowByteLength, SplitWindows windows, int window)
    {
        fixed (int* weights = &windows.Weights[windows.GroupOffsets[window] * SplitWindows.GroupLength])
        {
            for (int x = 0; x < rowByteLength; x += BlockSize)
            {
                // The last block overlaps the one before it.
                int begin = Math.Min(x, rowByteLength - BlockSize);
                Block(source + begin, rowCount, output + begin, rowByteLength, weights);
            }
        }
        return rowByteLength;
    }

    private static void Block(byte* source, int rowCount, byte* output, long rowByteLength, int* weights)
    {
        Vector256<int> low0 = default,
            low1 = default,
            low2 = default,
            low3 = default;
        Vector256<int> middle0 = default,
            middle1 = default,
            middle2 = default,
            middle3 = default;
        Vector256<int> high0 = default,
            high1 = default,
            high2 = default,
            high3 = default;
        for (int k = 0; k < rowCount; k += SplitWindows.GroupSize, weights += SplitWindows.GroupLength)
        {
            // Rows past the last have weights of 0, so any will do. Bytes of four rows meet within 128-bit lanes; packing undoes that
            // order.
            long last = rowCount - 1 - k;
            Vector256<byte> row0 = Vector256.Load(source),
                row1 = Vector256.Load(source + Math.Min(1, last) * rowByteLength);
            Vector256<byte> row2 = Vector256.Load(source + Math.Min(2, last) * rowByteLength),
                row3 = Vector256.Load(source + Math.Min(3, last) * rowByteLength);
            Vector256<ushort> first = Avx2.UnpackLow(row0, row1).AsUInt16(),
                second = Avx2.UnpackLow(row2, row3).AsUInt16();
            Vector256<byte> values0 = Avx2.UnpackLow(first, second).AsByte(),
                values1 = Avx2.UnpackHigh(first, second).AsByte();
            first = Avx2.UnpackHigh(row0, row1).AsUInt16();
            second = Avx2.UnpackHigh(row2, row3).AsUInt16();
            Vector256<byte> values2 = Avx2.UnpackLow(first, second).AsByte(),
                values3 = Avx2.UnpackHigh(first, second).AsByte();
            Vector256<sbyte> part = Vector256.Create(weights[0]).AsSByte();
            low0 = AvxVnni.MultiplyWideningAndAdd(low0, values0, part);
            low1 = AvxVnni.MultiplyWideningAndAdd(low1, values1, part);
            low2 = AvxVnni.MultiplyWideningAndAdd(low2, values2, part);
            low3 = AvxVnni.MultiplyWideningAndAdd(low3, values3, part);
            part = Vector256.Create(weights[1]).AsSByte();
            middle0 = AvxVnni.MultiplyWideningAndAdd(middle0, values0, part);
            middle1 = AvxVnni.MultiplyWideningAndAdd(middle1, values1, part);
            middle2 = AvxVnni.MultiplyWideningAndAdd(middle2, values2, part);
            middle3 = AvxVnni.MultiplyWideningAndAdd(middle3, values3, part);
            part = Vector256.Create(weights[2]).AsSByte();
            high0 = AvxVnni.MultiplyWideningAndAdd(high0, values0, part);
            high1 = AvxVnni.MultiplyWideningAndAdd(high1, values1, part);
            high2 = AvxVnni.MultiplyWideningAndAdd(high2, values2, part);
            high3 = AvxVnni.MultiplyWideningAndAdd(high3, values3, part);
            source += SplitWindows.GroupSize * rowByteLength;
        }
        Vector256<short> lower = Avx2.PackSignedSaturate(
            HorizontalPassVnni.Finish(low0, middle0, high0),
            HorizontalPassVnni.Finish(low1, middle1, high1)
        );
        Vector256<short> upper = Avx2.PackSignedSaturate(
            HorizontalPassVnni.Finish(low2, middle2, high2),
            HorizontalPassVnni.Finish(low3, middle3, high3)
        );
        Avx2.PackUnsignedSaturate(lower, upper).Store(output);
    }
}
