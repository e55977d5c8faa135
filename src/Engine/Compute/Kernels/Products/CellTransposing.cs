using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Compute.Kernels.Products;

/// <summary>Cells of rows or columns that lie one after the other -> cells of the same depth side by side.</summary>
internal static unsafe class CellTransposing
{
    /// <summary>Columns that <see cref="Eight"/> takes, and the depth.</summary>
    public const int Block = 8;

    /// <summary>Cells of 12 rows.</summary>
    /// <param name="source">The first row; the others are <paramref name="stride"/> cells apart.</param>
    /// <param name="stride">Cells from a row to the next.</param>
    /// <param name="count">Cells, a multiple of 4.</param>
    /// <param name="target">Gets 12 cells of each depth.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void TwelveRows(uint* source, int stride, int count, uint* target)
    {
        const int Quad = 4;
        for (int cell = 0; cell < count; cell += Quad, target += Quad * ProductCall.RowCount)
        {
            for (int row = 0; row < ProductCall.RowCount; row += Quad)
            {
                uint* from = source + row * stride + cell;
                Vector128<uint> a = Vector128.Load(from),
                    b = Vector128.Load(from + stride),
                    c = Vector128.Load(from + 2 * stride),
                    d = Vector128.Load(from + 3 * stride);
                Vector128<ulong> lowAb = Sse2.UnpackLow(a, b).AsUInt64(),
                    highAb = Sse2.UnpackHigh(a, b).AsUInt64();
                Vector128<ulong> lowCd = Sse2.UnpackLow(c, d).AsUInt64(),
                    highCd = Sse2.UnpackHigh(c, d).AsUInt64();
                uint* to = target + row;
                Sse2.UnpackLow(lowAb, lowCd).AsUInt32().Store(to);
                Sse2.UnpackHigh(lowAb, lowCd).AsUInt32().Store(to + ProductCall.RowCount);
                Sse2.UnpackLow(highAb, highCd).AsUInt32().Store(to + 2 * ProductCall.RowCount);
                Sse2.UnpackHigh(highAb, highCd).AsUInt32().Store(to + 3 * ProductCall.RowCount);
            }
        }
    }

    /// <summary>Eight cells of eight columns.</summary>
    /// <param name="source">The first column.</param>
    /// <param name="stride">Cells from a column to the next.</param>
    /// <param name="first">Gets the first four depths.</param>
    /// <param name="second">Gets the others.</param>
    /// <param name="step">Cells from a depth to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Eight(uint* source, int stride, uint* first, uint* second, int step)
    {
        // Pairs, then fours within lanes of 128 bits, then the lanes.
        Vector256<uint> r0 = Vector256.Load(source),
            r1 = Vector256.Load(source + stride),
            r2 = Vector256.Load(source + 2 * stride),
            r3 = Vector256.Load(source + 3 * stride);
        Vector256<uint> r4 = Vector256.Load(source + 4 * stride),
            r5 = Vector256.Load(source + 5 * stride),
            r6 = Vector256.Load(source + 6 * stride),
            r7 = Vector256.Load(source + 7 * stride);
        (Vector256<uint> a0, Vector256<uint> a1, Vector256<uint> a2, Vector256<uint> a3) = Four(r0, r1, r2, r3);
        (Vector256<uint> b0, Vector256<uint> b1, Vector256<uint> b2, Vector256<uint> b3) = Four(r4, r5, r6, r7);
        Avx2.Permute2x128(a0, b0, 0x20).Store(first);
        Avx2.Permute2x128(a1, b1, 0x20).Store(first + step);
        Avx2.Permute2x128(a2, b2, 0x20).Store(first + 2 * step);
        Avx2.Permute2x128(a3, b3, 0x20).Store(first + 3 * step);
        Avx2.Permute2x128(a0, b0, 0x31).Store(second);
        Avx2.Permute2x128(a1, b1, 0x31).Store(second + step);
        Avx2.Permute2x128(a2, b2, 0x31).Store(second + 2 * step);
        Avx2.Permute2x128(a3, b3, 0x31).Store(second + 3 * step);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<uint>, Vector256<uint>, Vector256<uint>, Vector256<uint>) Four(
        Vector256<uint> a,
        Vector256<uint> b,
        Vector256<uint> c,
        Vector256<uint> d
    )
    {
        Vector256<ulong> lowAb = Avx2.UnpackLow(a, b).AsUInt64(),
            highAb = Avx2.UnpackHigh(a, b).AsUInt64();
        Vector256<ulong> lowCd = Avx2.UnpackLow(c, d).AsUInt64(),
            highCd = Avx2.UnpackHigh(c, d).AsUInt64();
        return (
            Avx2.UnpackLow(lowAb, lowCd).AsUInt32(),
            Avx2.UnpackHigh(lowAb, lowCd).AsUInt32(),
            Avx2.UnpackLow(highAb, highCd).AsUInt32(),
            Avx2.UnpackHigh(highAb, highCd).AsUInt32()
        );
    }
}
