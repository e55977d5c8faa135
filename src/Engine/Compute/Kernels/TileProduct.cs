using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static System.Runtime.Intrinsics.Vector512;

namespace Tessera.Compute.Kernels;

/// <summary>
/// The product of two small matrices that lie in the nearest caches, whose sums stay in registers: blocks of 12 rows by 32 columns
/// take 24 of the 32 registers, so that loads hide behind multiplications.
/// </summary>
internal static unsafe class TileProduct
{
    /// <summary>Rows come in multiples of this.</summary>
    public const int RowBlock = 12;

    /// <summary>Columns come in multiples of this.</summary>
    public const int Lanes = 16;

    /// <summary>Floats from one row of a to the next, and the greatest depth.</summary>
    public const int Stride = 64;

    /// <summary>c [columns of sumStride, rows] += a [depth of Stride, rows] times b [columns, depth].</summary>
    public static void Add(float* a, float* b, float* c, int rows, int depth, int columns, int sumStride)
    {
        for (int row = 0; row < rows; row += RowBlock, a += RowBlock * Stride, c += (long)RowBlock * sumStride)
        {
            int column = 0;
            for (; column + 2 * Lanes <= columns; column += 2 * Lanes) AddWide(a, b + column, c + column, depth, columns, sumStride);
            if (column < columns) AddNarrow(a, b + column, c + column, depth, columns, sumStride);
        }
    }

    // 12 rows by 32 columns.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddWide(float* a, float* b, float* c, int depth, int columns, int sumStride)
    {
        Vector512<float> c0x = Load(c), c0y = Load(c + Lanes);
        Vector512<float> c1x = Load(c + sumStride), c1y = Load(c + sumStride + Lanes);
        Vector512<float> c2x = Load(c + 2 * sumStride), c2y = Load(c + 2 * sumStride + Lanes);
        Vector512<float> c3x = Load(c + 3 * sumStride), c3y = Load(c + 3 * sumStride + Lanes);
        Vector512<float> c4x = Load(c + 4 * sumStride), c4y = Load(c + 4 * sumStride + Lanes);
        Vector512<float> c5x = Load(c + 5 * sumStride), c5y = Load(c + 5 * sumStride + Lanes);
        Vector512<float> c6x = Load(c + 6 * sumStride), c6y = Load(c + 6 * sumStride + Lanes);
        Vector512<float> c7x = Load(c + 7 * sumStride), c7y = Load(c + 7 * sumStride + Lanes);
        Vector512<float> c8x = Load(c + 8 * sumStride), c8y = Load(c + 8 * sumStride + Lanes);
        Vector512<float> c9x = Load(c + 9 * sumStride), c9y = Load(c + 9 * sumStride + Lanes);
        Vector512<float> c10x = Load(c + 10 * sumStride), c10y = Load(c + 10 * sumStride + Lanes);
        Vector512<float> c11x = Load(c + 11 * sumStride), c11y = Load(c + 11 * sumStride + Lanes);
        for (int k = 0; k < depth; k++, b += columns)
        {
            Vector512<float> x = Load(b), y = Load(b + Lanes), value;
            value = Create(a[k]); c0x = FusedMultiplyAdd(value, x, c0x); c0y = FusedMultiplyAdd(value, y, c0y);
            value = Create(a[Stride + k]); c1x = FusedMultiplyAdd(value, x, c1x); c1y = FusedMultiplyAdd(value, y, c1y);
            value = Create(a[2 * Stride + k]); c2x = FusedMultiplyAdd(value, x, c2x); c2y = FusedMultiplyAdd(value, y, c2y);
            value = Create(a[3 * Stride + k]); c3x = FusedMultiplyAdd(value, x, c3x); c3y = FusedMultiplyAdd(value, y, c3y);
            value = Create(a[4 * Stride + k]); c4x = FusedMultiplyAdd(value, x, c4x); c4y = FusedMultiplyAdd(value, y, c4y);
            value = Create(a[5 * Stride + k]); c5x = FusedMultiplyAdd(value, x, c5x); c5y = FusedMultiplyAdd(value, y, c5y);
            value = Create(a[6 * Stride + k]); c6x = FusedMultiplyAdd(value, x, c6x); c6y = FusedMultiplyAdd(value, y, c6y);
            value = Create(a[7 * Stride + k]); c7x = FusedMultiplyAdd(value, x, c7x); c7y = FusedMultiplyAdd(value, y, c7y);
            value = Create(a[8 * Stride + k]); c8x = FusedMultiplyAdd(value, x, c8x); c8y = FusedMultiplyAdd(value, y, c8y);
            value = Create(a[9 * Stride + k]); c9x = FusedMultiplyAdd(value, x, c9x); c9y = FusedMultiplyAdd(value, y, c9y);
            value = Create(a[10 * Stride + k]); c10x = FusedMultiplyAdd(value, x, c10x); c10y = FusedMultiplyAdd(value, y, c10y);
            value = Create(a[11 * Stride + k]); c11x = FusedMultiplyAdd(value, x, c11x); c11y = FusedMultiplyAdd(value, y, c11y);
        }

        c0x.Store(c); c0y.Store(c + Lanes);
        c1x.Store(c + sumStride); c1y.Store(c + sumStride + Lanes);
        c2x.Store(c + 2 * sumStride); c2y.Store(c + 2 * sumStride + Lanes);
        c3x.Store(c + 3 * sumStride); c3y.Store(c + 3 * sumStride + Lanes);
        c4x.Store(c + 4 * sumStride); c4y.Store(c + 4 * sumStride + Lanes);
        c5x.Store(c + 5 * sumStride); c5y.Store(c + 5 * sumStride + Lanes);
        c6x.Store(c + 6 * sumStride); c6y.Store(c + 6 * sumStride + Lanes);
        c7x.Store(c + 7 * sumStride); c7y.Store(c + 7 * sumStride + Lanes);
        c8x.Store(c + 8 * sumStride); c8y.Store(c + 8 * sumStride + Lanes);
        c9x.Store(c + 9 * sumStride); c9y.Store(c + 9 * sumStride + Lanes);
        c10x.Store(c + 10 * sumStride); c10y.Store(c + 10 * sumStride + Lanes);
        c11x.Store(c + 11 * sumStride); c11y.Store(c + 11 * sumStride + Lanes);
    }

    // 12 rows by 16 columns.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddNarrow(float* a, float* b, float* c, int depth, int columns, int sumStride)
    {
        Vector512<float> c0x = Load(c);
        Vector512<float> c1x = Load(c + sumStride);
        Vector512<float> c2x = Load(c + 2 * sumStride);
        Vector512<float> c3x = Load(c + 3 * sumStride);
        Vector512<float> c4x = Load(c + 4 * sumStride);
        Vector512<float> c5x = Load(c + 5 * sumStride);
        Vector512<float> c6x = Load(c + 6 * sumStride);
        Vector512<float> c7x = Load(c + 7 * sumStride);
        Vector512<float> c8x = Load(c + 8 * sumStride);
        Vector512<float> c9x = Load(c + 9 * sumStride);
        Vector512<float> c10x = Load(c + 10 * sumStride);
        Vector512<float> c11x = Load(c + 11 * sumStride);
        for (int k = 0; k < depth; k++, b += columns)
        {
            Vector512<float> x = Load(b), value;
            value = Create(a[k]); c0x = FusedMultiplyAdd(value, x, c0x);
            value = Create(a[Stride + k]); c1x = FusedMultiplyAdd(value, x, c1x);
            value = Create(a[2 * Stride + k]); c2x = FusedMultiplyAdd(value, x, c2x);
            value = Create(a[3 * Stride + k]); c3x = FusedMultiplyAdd(value, x, c3x);
            value = Create(a[4 * Stride + k]); c4x = FusedMultiplyAdd(value, x, c4x);
            value = Create(a[5 * Stride + k]); c5x = FusedMultiplyAdd(value, x, c5x);
            value = Create(a[6 * Stride + k]); c6x = FusedMultiplyAdd(value, x, c6x);
            value = Create(a[7 * Stride + k]); c7x = FusedMultiplyAdd(value, x, c7x);
            value = Create(a[8 * Stride + k]); c8x = FusedMultiplyAdd(value, x, c8x);
            value = Create(a[9 * Stride + k]); c9x = FusedMultiplyAdd(value, x, c9x);
            value = Create(a[10 * Stride + k]); c10x = FusedMultiplyAdd(value, x, c10x);
            value = Create(a[11 * Stride + k]); c11x = FusedMultiplyAdd(value, x, c11x);
        }

        c0x.Store(c);
        c1x.Store(c + sumStride);
        c2x.Store(c + 2 * sumStride);
        c3x.Store(c + 3 * sumStride);
        c4x.Store(c + 4 * sumStride);
        c5x.Store(c + 5 * sumStride);
        c6x.Store(c + 6 * sumStride);
        c7x.Store(c + 7 * sumStride);
        c8x.Store(c + 8 * sumStride);
        c9x.Store(c + 9 * sumStride);
        c10x.Store(c + 10 * sumStride);
        c11x.Store(c + 11 * sumStride);
    }
}
