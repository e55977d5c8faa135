using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Rows of single precision as tiles of bfloat16, rounded to nearest even. A tile is 16 rows by 32 elements; beyond a row's end, and in
/// rows that are not there, it is zero. What rounding takes away can be kept in further tiles, for products as exact as single precision.
/// </summary>
internal static unsafe class TilePacking
{
    /// <summary>Tiles along a row.</summary>
    public static int StepCount(long depth) => (int)((depth + MatrixUnit.TileDepth - 1) / MatrixUnit.TileDepth);

    /// <summary>Packs up to 16 rows as the left operand, element by element.</summary>
    /// <param name="rows">The first row; those after it are <paramref name="stride"/> floats apart.</param>
    /// <param name="stride">Floats from a row to the next.</param>
    /// <param name="rowCount">Rows that there are.</param>
    /// <param name="depth">Elements of a row.</param>
    /// <param name="high">Gets the rounded elements: <see cref="StepCount"/> tiles.</param>
    /// <param name="low">Gets what rounding took away, rounded; null if nobody wants it.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackLeft(float* rows, long stride, int rowCount, int depth, byte* high, byte* low)
    {
        for (int step = 0; step < StepCount(depth); step++, high += MatrixUnit.TileBytes, low += low == null ? 0 : MatrixUnit.TileBytes)
        {
            for (int row = 0; row < MatrixUnit.TileRows; row++)
            {
                (Vector512<uint> rounded, Vector512<uint> rest) =
                    row < rowCount ? Round(rows + row * stride, step, depth, low != null) : default;
                rounded.Store((uint*)(high + row * 64));
                if (low != null)
                    rest.Store((uint*)(low + row * 64));
            }
        }
    }

    /// <summary>Packs up to 16 rows as the columns of the right operand, in pairs of elements.</summary>
    /// <inheritdoc cref="PackLeft"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRight(float* rows, long stride, int rowCount, int depth, byte* high, byte* low)
    {
        Vector512<uint>* rounded = stackalloc Vector512<uint>[MatrixUnit.TileRows],
            rest = stackalloc Vector512<uint>[MatrixUnit.TileRows];
        for (int step = 0; step < StepCount(depth); step++, high += MatrixUnit.TileBytes, low += low == null ? 0 : MatrixUnit.TileBytes)
        {
            for (int row = 0; row < MatrixUnit.TileRows; row++)
                (rounded[row], rest[row]) = row < rowCount ? Round(rows + row * stride, step, depth, low != null) : default;
            Transpose(rounded, (uint*)high);
            if (low != null)
                Transpose(rest, (uint*)low);
        }
    }

    /// <summary>Pairs of elements of two rows, and what rounding took away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<uint> Rounded, Vector512<uint> Residue) RoundPairs(Vector512<float> first, Vector512<float> second)
    {
        Vector512<uint> whole = Vector512.Create(0xffff0000),
            a = Round(first),
            b = Round(second);
        Vector512<uint> restA = Round(first - (a & whole).AsSingle()),
            restB = Round(second - (b & whole).AsSingle());
        return ((a >>> 16) | (b & whole), (restA >>> 16) | (restB & whole));
    }

    // 32 elements of a row, and what rounding took away.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<uint> Rounded, Vector512<uint> Residue) Round(float* row, int step, int depth, bool keepsRest)
    {
        int first = step * MatrixUnit.TileDepth;
        bool isWhole = depth - first >= MatrixUnit.TileDepth;
        Vector512<float> a = isWhole ? Vector512.Load(row + first) : LoadSome(row + first, depth - first);
        Vector512<float> b = isWhole ? Vector512.Load(row + first + 16) : LoadSome(row + first + 16, depth - first - 16);
        Vector512<uint> roundedA = Round(a),
            roundedB = Round(b);
        Vector512<uint> joined = Join(roundedA, roundedB);
        if (!keepsRest)
            return (joined, default);
        Vector512<uint> whole = Vector512.Create(0xffff0000);
        return (joined, Join(Round(a - (roundedA & whole).AsSingle()), Round(b - (roundedB & whole).AsSingle())));
    }

    // What there is of 16 elements, and zeros.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector512<float> LoadSome(float* values, int count)
    {
        Vector512<float> loaded = default;
        for (int index = 0; index < Math.Min(count, Vector512<float>.Count); index++)
            loaded = loaded.WithElement(index, values[index]);
        return loaded;
    }

    // To nearest even; the result is the upper half of each element.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Round(Vector512<float> x)
    {
        Vector512<uint> bits = x.AsUInt32();
        return bits + Vector512.Create(0x7fffu) + ((bits >>> 16) & Vector512<uint>.One);
    }

    // The upper halves of 16 and 16 elements.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Join(Vector512<uint> a, Vector512<uint> b) =>
        Avx512BW.PermuteVar32x16x2(a.AsUInt16(), UpperHalves, b.AsUInt16()).AsUInt32();

    private static readonly Vector512<ushort> UpperHalves = Vector512.Create(
        (ushort)1,
        3,
        5,
        7,
        9,
        11,
        13,
        15,
        17,
        19,
        21,
        23,
        25,
        27,
        29,
        31,
        33,
        35,
        37,
        39,
        41,
        43,
        45,
        47,
        49,
        51,
        53,
        55,
        57,
        59,
        61,
        63
    );

    // 16 x 16 elements of 32 bits: pairs within lanes of 128 bits, then the lanes.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Transpose(Vector512<uint>* rows, uint* target)
    {
        Vector512<uint>* quads = stackalloc Vector512<uint>[MatrixUnit.TileRows];
        for (int row = 0; row < MatrixUnit.TileRows; row += 4)
        {
            Vector512<ulong> low01 = Avx512F.UnpackLow(rows[row], rows[row + 1]).AsUInt64(),
                high01 = Avx512F.UnpackHigh(rows[row], rows[row + 1]).AsUInt64();
            Vector512<ulong> low23 = Avx512F.UnpackLow(rows[row + 2], rows[row + 3]).AsUInt64(),
                high23 = Avx512F.UnpackHigh(rows[row + 2], rows[row + 3]).AsUInt64();
            // Lane l of quads[row + k]: element 4 l + k of four rows.
            quads[row] = Avx512F.UnpackLow(low01, low23).AsUInt32();
            quads[row + 1] = Avx512F.UnpackHigh(low01, low23).AsUInt32();
            quads[row + 2] = Avx512F.UnpackLow(high01, high23).AsUInt32();
            quads[row + 3] = Avx512F.UnpackHigh(high01, high23).AsUInt32();
        }

        for (int index = 0; index < 4; index++)
        {
            Vector512<uint> even01 = Avx512F.Shuffle4x128(quads[index], quads[index + 4], 0x88),
                odd01 = Avx512F.Shuffle4x128(quads[index], quads[index + 4], 0xdd);
            Vector512<uint> even23 = Avx512F.Shuffle4x128(quads[index + 8], quads[index + 12], 0x88),
                odd23 = Avx512F.Shuffle4x128(quads[index + 8], quads[index + 12], 0xdd);
            Avx512F.Shuffle4x128(even01, even23, 0x88).Store(target + index * 16);
            Avx512F.Shuffle4x128(odd01, odd23, 0x88).Store(target + (index + 4) * 16);
            Avx512F.Shuffle4x128(even01, even23, 0xdd).Store(target + (index + 8) * 16);
            Avx512F.Shuffle4x128(odd01, odd23, 0xdd).Store(target + (index + 12) * 16);
        }
    }
}
