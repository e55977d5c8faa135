using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tessera.Compute.Kernels.Products;
using Tessera.Compute.Kernels.Rows;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>
/// The queries of one head that are attended to together, against all keys, tile by tile with a running softmax (Dao et al.,
/// FlashAttention, arXiv 2205.14135, algorithm 1). All sums are in single precision.
/// </summary>
/// <param name="scratch">Room of <see cref="Length"/> floats that no other thread uses.</param>
/// <param name="valueStride">Floats from one query's mixed values to the next's: a multiple of 16, at least the value's size.</param>
internal readonly unsafe struct AttentionTile(float* scratch, int valueStride)
{
    /// <summary>Queries of a tile: what is multiplied at a time, on vectors or in blocks of the matrix unit, comes in whole.</summary>
    public const int Rows = 96;

    /// <summary>Keys of a tile.</summary>
    public const int Columns = TileProduct.Stride;

    private const int Lanes = TileProduct.Lanes;

    /// <summary>Scores of some queries [<see cref="Columns"/>, queries], then their weights.</summary>
    public float* Scores => scratch;

    /// <summary>The values so far, mixed by their weights [valueStride, <see cref="Rows"/>].</summary>
    public float* Mixed => Sums + Rows * Lanes;

    private float* MaskRow => Scores + Rows * Columns;

    private float* Greatest => MaskRow + Columns;

    private float* Sums => Greatest + 2 * Columns;

    /// <summary>Floats of scratch.</summary>
    public static int Length(int valueStride) => Rows * Columns + 3 * Columns + Rows * (Lanes + valueStride);

    /// <summary>Nothing has been seen yet.</summary>
    public void Begin()
    {
        new Span<float>(Sums, Rows * (Lanes + valueStride)).Clear();
        new Span<float>(Greatest, Rows).Fill(float.NegativeInfinity);
    }

    /// <summary>A query times the scale.</summary>
    public static void Scale(float* source, float factor, Span<float> target)
    {
        int index = 0;
        for (; index + Lanes <= target.Length; index += Lanes)
            (Vector512.Load(source + index) * factor).CopyTo(target[index..]);
        for (; index < target.Length; index++)
            target[index] = source[index] * factor;
    }

    /// <summary>Adds a query's mask to a row of the scores.</summary>
    public void AddMask(ushort* mask, int row, int tokens)
    {
        ElementConversion.HalvesToFloat(new ReadOnlySpan<ushort>(mask, tokens), new Span<float>(MaskRow, tokens));
        float* scores = Scores + row * Columns;
        for (int index = 0; index < Columns; index += Lanes)
            (Vector512.Load(scores + index) + Vector512.Load(MaskRow + index)).Store(scores + index);
    }

    /// <summary>Scores of a row -> their weights, with what was summed before scaled to the greatest score so far.</summary>
    /// <param name="row">The row among the scores.</param>
    /// <param name="query">The query among the tile's.</param>
    /// <param name="tokens">Keys that there are.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Weigh(int row, int query, int tokens)
    {
        float* scores = Scores + row * Columns,
            sum = Sums + query * Lanes,
            mixed = Mixed + (long)query * valueStride;
        for (int index = tokens; index < Columns; index++)
            scores[index] = float.NegativeInfinity;
        Vector512<float> highest = Vector512.Load(scores);
        for (int index = Lanes; index < Columns; index += Lanes)
            highest = Vector512.MaxNative(highest, Vector512.Load(scores + index));
        float greatest = VectorMath.Greatest(highest),
            before = Greatest[query];
        if (greatest == float.NegativeInfinity)
        {
            new Span<float>(scores, Columns).Clear();
            return;
        }

        if (greatest > before)
        {
            Greatest[query] = greatest;
            Vector512<float> factor = Vector512.Create(MathF.Exp(before - greatest));
            (Vector512.Load(sum) * factor).Store(sum);
            for (int index = 0; index < valueStride; index += Lanes)
                (Vector512.Load(mixed + index) * factor).Store(mixed + index);
        }

        Vector512<float> reference = Vector512.Create(MathF.Max(greatest, before)),
            total = Vector512.Load(sum);
        for (int index = 0; index < Columns; index += Lanes)
        {
            Vector512<float> weight = VectorMath.Exp(Vector512.Load(scores + index) - reference);
            weight.Store(scores + index);
            total += weight;
        }

        total.Store(sum);
    }

    /// <summary>Writes the first queries' results; a query that attends to nothing gets zeros.</summary>
    public void Store(in AttentionShape shape, (int Slice, int Head, int Tile) place, int firstQuery, int count)
    {
        for (int row = 0; row < count; row++)
        {
            float sum = Vector512.Sum(Vector512.Load(Sums + row * Lanes));
            Vector512<float> factor = Vector512.Create(sum == 0 ? 0 : 1 / sum);
            float* source = Mixed + (long)row * valueStride;
            float* target = shape.ResultRow(place.Slice, place.Head, firstQuery + row);
            for (int index = 0; index < shape.ValueSize; index += Lanes)
                (Vector512.Load(source + index) * factor).Store(target + index);
        }
    }
}
