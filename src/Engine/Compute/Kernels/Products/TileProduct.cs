using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// The product of two small matrices that lie in the nearest caches. Its sums stay in registers: 24 of the 32 that AVX-512 has, 12 of
/// AVX2's 16, so that loads hide behind multiplications.
/// </summary>
internal static unsafe class TileProduct
{
    /// <summary>Rows come in multiples of this.</summary>
    public const int RowBlock = 12;

    /// <summary>Columns come in multiples of this.</summary>
    public const int Lanes = 16;

    /// <summary>Floats from one row of a to the next, and the greatest depth.</summary>
    public const int Stride = 64;

    private const int HalfBlock = RowBlock / 2;

    /// <summary>Whether this processor has the instructions.</summary>
    public static bool IsSupported => Avx512F.IsSupported || (Avx2.IsSupported && Fma.IsSupported);

    /// <summary>c [columns of sumStride, rows] += a [depth of Stride, rows] times b [columns, depth].</summary>
    public static void Add(float* a, float* b, float* c, int rows, int depth, int columns, int sumStride)
    {
        for (int row = 0; row < rows; row += RowBlock, a += RowBlock * Stride, c += (long)RowBlock * sumStride)
        {
            int column = 0;
            for (; Avx512F.IsSupported && column + 2 * Lanes <= columns; column += 2 * Lanes)
                AddWide(a, b + column, c + column, depth, columns, sumStride);
            for (; column < columns; column += Lanes)
            {
                if (Avx512F.IsSupported)
                {
                    AddNarrow(a, b + column, c + column, depth, columns, sumStride);
                    continue;
                }

                AddAvx2(a, b + column, c + column, depth, columns, sumStride);
                AddAvx2(a + HalfBlock * Stride, b + column, c + (long)HalfBlock * sumStride + column, depth, columns, sumStride);
            }
        }
    }

    // 12 rows by 32 columns.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddWide(float* a, float* b, float* c, int depth, int columns, int sumStride)
    {
        Vector512<float> c0x = Vector512.Load(c),
            c0y = Vector512.Load(c + Lanes);
        Vector512<float> c1x = Vector512.Load(c + sumStride),
            c1y = Vector512.Load(c + sumStride + Lanes);
        Vector512<float> c2x = Vector512.Load(c + 2 * sumStride),
            c2y = Vector512.Load(c + 2 * sumStride + Lanes);
        Vector512<float> c3x = Vector512.Load(c + 3 * sumStride),
            c3y = Vector512.Load(c + 3 * sumStride + Lanes);
        Vector512<float> c4x = Vector512.Load(c + 4 * sumStride),
            c4y = Vector512.Load(c + 4 * sumStride + Lanes);
        Vector512<float> c5x = Vector512.Load(c + 5 * sumStride),
            c5y = Vector512.Load(c + 5 * sumStride + Lanes);
        Vector512<float> c6x = Vector512.Load(c + 6 * sumStride),
            c6y = Vector512.Load(c + 6 * sumStride + Lanes);
        Vector512<float> c7x = Vector512.Load(c + 7 * sumStride),
            c7y = Vector512.Load(c + 7 * sumStride + Lanes);
        Vector512<float> c8x = Vector512.Load(c + 8 * sumStride),
            c8y = Vector512.Load(c + 8 * sumStride + Lanes);
        Vector512<float> c9x = Vector512.Load(c + 9 * sumStride),
            c9y = Vector512.Load(c + 9 * sumStride + Lanes);
        Vector512<float> c10x = Vector512.Load(c + 10 * sumStride),
            c10y = Vector512.Load(c + 10 * sumStride + Lanes);
        Vector512<float> c11x = Vector512.Load(c + 11 * sumStride),
            c11y = Vector512.Load(c + 11 * sumStride + Lanes);
        for (int k = 0; k < depth; k++, b += columns)
        {
            Vector512<float> x = Vector512.Load(b),
                y = Vector512.Load(b + Lanes),
                value;
            value = Vector512.Create(a[k]);
            c0x = Avx512F.FusedMultiplyAdd(value, x, c0x);
            c0y = Avx512F.FusedMultiplyAdd(value, y, c0y);
            value = Vector512.Create(a[Stride + k]);
            c1x = Avx512F.FusedMultiplyAdd(value, x, c1x);
            c1y = Avx512F.FusedMultiplyAdd(value, y, c1y);
            value = Vector512.Create(a[2 * Stride + k]);
            c2x = Avx512F.FusedMultiplyAdd(value, x, c2x);
            c2y = Avx512F.FusedMultiplyAdd(value, y, c2y);
            value = Vector512.Create(a[3 * Stride + k]);
            c3x = Avx512F.FusedMultiplyAdd(value, x, c3x);
            c3y = Avx512F.FusedMultiplyAdd(value, y, c3y);
            value = Vector512.Create(a[4 * Stride + k]);
            c4x = Avx512F.FusedMultiplyAdd(value, x, c4x);
            c4y = Avx512F.FusedMultiplyAdd(value, y, c4y);
            value = Vector512.Create(a[5 * Stride + k]);
            c5x = Avx512F.FusedMultiplyAdd(value, x, c5x);
            c5y = Avx512F.FusedMultiplyAdd(value, y, c5y);
            value = Vector512.Create(a[6 * Stride + k]);
            c6x = Avx512F.FusedMultiplyAdd(value, x, c6x);
            c6y = Avx512F.FusedMultiplyAdd(value, y, c6y);
            value = Vector512.Create(a[7 * Stride + k]);
            c7x = Avx512F.FusedMultiplyAdd(value, x, c7x);
            c7y = Avx512F.FusedMultiplyAdd(value, y, c7y);
            value = Vector512.Create(a[8 * Stride + k]);
            c8x = Avx512F.FusedMultiplyAdd(value, x, c8x);
            c8y = Avx512F.FusedMultiplyAdd(value, y, c8y);
            value = Vector512.Create(a[9 * Stride + k]);
            c9x = Avx512F.FusedMultiplyAdd(value, x, c9x);
            c9y = Avx512F.FusedMultiplyAdd(value, y, c9y);
            value = Vector512.Create(a[10 * Stride + k]);
            c10x = Avx512F.FusedMultiplyAdd(value, x, c10x);
            c10y = Avx512F.FusedMultiplyAdd(value, y, c10y);
            value = Vector512.Create(a[11 * Stride + k]);
            c11x = Avx512F.FusedMultiplyAdd(value, x, c11x);
            c11y = Avx512F.FusedMultiplyAdd(value, y, c11y);
        }

        c0x.Store(c);
        c0y.Store(c + Lanes);
        c1x.Store(c + sumStride);
        c1y.Store(c + sumStride + Lanes);
        c2x.Store(c + 2 * sumStride);
        c2y.Store(c + 2 * sumStride + Lanes);
        c3x.Store(c + 3 * sumStride);
        c3y.Store(c + 3 * sumStride + Lanes);
        c4x.Store(c + 4 * sumStride);
        c4y.Store(c + 4 * sumStride + Lanes);
        c5x.Store(c + 5 * sumStride);
        c5y.Store(c + 5 * sumStride + Lanes);
        c6x.Store(c + 6 * sumStride);
        c6y.Store(c + 6 * sumStride + Lanes);
        c7x.Store(c + 7 * sumStride);
        c7y.Store(c + 7 * sumStride + Lanes);
        c8x.Store(c + 8 * sumStride);
        c8y.Store(c + 8 * sumStride + Lanes);
        c9x.Store(c + 9 * sumStride);
        c9y.Store(c + 9 * sumStride + Lanes);
        c10x.Store(c + 10 * sumStride);
        c10y.Store(c + 10 * sumStride + Lanes);
        c11x.Store(c + 11 * sumStride);
        c11y.Store(c + 11 * sumStride + Lanes);
    }

    // 12 rows by 16 columns.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddNarrow(float* a, float* b, float* c, int depth, int columns, int sumStride)
    {
        Vector512<float> c0x = Vector512.Load(c);
        Vector512<float> c1x = Vector512.Load(c + sumStride);
        Vector512<float> c2x = Vector512.Load(c + 2 * sumStride);
        Vector512<float> c3x = Vector512.Load(c + 3 * sumStride);
        Vector512<float> c4x = Vector512.Load(c + 4 * sumStride);
        Vector512<float> c5x = Vector512.Load(c + 5 * sumStride);
        Vector512<float> c6x = Vector512.Load(c + 6 * sumStride);
        Vector512<float> c7x = Vector512.Load(c + 7 * sumStride);
        Vector512<float> c8x = Vector512.Load(c + 8 * sumStride);
        Vector512<float> c9x = Vector512.Load(c + 9 * sumStride);
        Vector512<float> c10x = Vector512.Load(c + 10 * sumStride);
        Vector512<float> c11x = Vector512.Load(c + 11 * sumStride);
        for (int k = 0; k < depth; k++, b += columns)
        {
            Vector512<float> x = Vector512.Load(b),
                value;
            value = Vector512.Create(a[k]);
            c0x = Avx512F.FusedMultiplyAdd(value, x, c0x);
            value = Vector512.Create(a[Stride + k]);
            c1x = Avx512F.FusedMultiplyAdd(value, x, c1x);
            value = Vector512.Create(a[2 * Stride + k]);
            c2x = Avx512F.FusedMultiplyAdd(value, x, c2x);
            value = Vector512.Create(a[3 * Stride + k]);
            c3x = Avx512F.FusedMultiplyAdd(value, x, c3x);
            value = Vector512.Create(a[4 * Stride + k]);
            c4x = Avx512F.FusedMultiplyAdd(value, x, c4x);
            value = Vector512.Create(a[5 * Stride + k]);
            c5x = Avx512F.FusedMultiplyAdd(value, x, c5x);
            value = Vector512.Create(a[6 * Stride + k]);
            c6x = Avx512F.FusedMultiplyAdd(value, x, c6x);
            value = Vector512.Create(a[7 * Stride + k]);
            c7x = Avx512F.FusedMultiplyAdd(value, x, c7x);
            value = Vector512.Create(a[8 * Stride + k]);
            c8x = Avx512F.FusedMultiplyAdd(value, x, c8x);
            value = Vector512.Create(a[9 * Stride + k]);
            c9x = Avx512F.FusedMultiplyAdd(value, x, c9x);
            value = Vector512.Create(a[10 * Stride + k]);
            c10x = Avx512F.FusedMultiplyAdd(value, x, c10x);
            value = Vector512.Create(a[11 * Stride + k]);
            c11x = Avx512F.FusedMultiplyAdd(value, x, c11x);
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

    // 6 rows by 16 columns.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddAvx2(float* a, float* b, float* c, int depth, int columns, int sumStride)
    {
        Vector256<float> c0x = Vector256.Load(c),
            c0y = Vector256.Load(c + Vector256<float>.Count);
        Vector256<float> c1x = Vector256.Load(c + sumStride),
            c1y = Vector256.Load(c + sumStride + Vector256<float>.Count);
        Vector256<float> c2x = Vector256.Load(c + 2 * sumStride),
            c2y = Vector256.Load(c + 2 * sumStride + Vector256<float>.Count);
        Vector256<float> c3x = Vector256.Load(c + 3 * sumStride),
            c3y = Vector256.Load(c + 3 * sumStride + Vector256<float>.Count);
        Vector256<float> c4x = Vector256.Load(c + 4 * sumStride),
            c4y = Vector256.Load(c + 4 * sumStride + Vector256<float>.Count);
        Vector256<float> c5x = Vector256.Load(c + 5 * sumStride),
            c5y = Vector256.Load(c + 5 * sumStride + Vector256<float>.Count);
        for (int k = 0; k < depth; k++, b += columns)
        {
            Vector256<float> x = Vector256.Load(b),
                y = Vector256.Load(b + Vector256<float>.Count),
                value;
            value = Vector256.Create(a[k]);
            c0x = Fma.MultiplyAdd(value, x, c0x);
            c0y = Fma.MultiplyAdd(value, y, c0y);
            value = Vector256.Create(a[Stride + k]);
            c1x = Fma.MultiplyAdd(value, x, c1x);
            c1y = Fma.MultiplyAdd(value, y, c1y);
            value = Vector256.Create(a[2 * Stride + k]);
            c2x = Fma.MultiplyAdd(value, x, c2x);
            c2y = Fma.MultiplyAdd(value, y, c2y);
            value = Vector256.Create(a[3 * Stride + k]);
            c3x = Fma.MultiplyAdd(value, x, c3x);
            c3y = Fma.MultiplyAdd(value, y, c3y);
            value = Vector256.Create(a[4 * Stride + k]);
            c4x = Fma.MultiplyAdd(value, x, c4x);
            c4y = Fma.MultiplyAdd(value, y, c4y);
            value = Vector256.Create(a[5 * Stride + k]);
            c5x = Fma.MultiplyAdd(value, x, c5x);
            c5y = Fma.MultiplyAdd(value, y, c5y);
        }

        c0x.Store(c);
        c0y.Store(c + Vector256<float>.Count);
        c1x.Store(c + sumStride);
        c1y.Store(c + sumStride + Vector256<float>.Count);
        c2x.Store(c + 2 * sumStride);
        c2y.Store(c + 2 * sumStride + Vector256<float>.Count);
        c3x.Store(c + 3 * sumStride);
        c3y.Store(c + 3 * sumStride + Vector256<float>.Count);
        c4x.Store(c + 4 * sumStride);
        c4y.Store(c + 4 * sumStride + Vector256<float>.Count);
        c5x.Store(c + 5 * sumStride);
        c5y.Store(c + 5 * sumStride + Vector256<float>.Count);
    }
}
