using Tessera.Compute.Kernels.Products;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>
/// Attention of a few queries over many keys: the heads that share a key head are rows of one product, so that its keys are read once, and
/// the keys are split into stretches that threads take. What the stretches give is summed at the end, in the same order whatever the
/// number of threads.
/// </summary>
/// <param name="shape">The operation.</param>
internal readonly unsafe struct SharedKeyAttention(AttentionShape shape)
{
    // Tiles of 64 keys.
    private const int StretchTiles = 4;
    private const int Lanes = TileProduct.Lanes;

    /// <summary>Rows that share a key head: heads times queries.</summary>
    public int RowCount => shape.HeadsPerKey * shape.SlicesPerKey * shape.QueryCount;

    /// <summary>Stretches of the keys, of each key head.</summary>
    public int StretchCount => (PackedKeys.TileCount(shape.TokenCount) + StretchTiles - 1) / StretchTiles;

    /// <summary>Stretches of all key heads: what threads take.</summary>
    public int UnitCount => StretchCount * shape.KeyHeadCount * shape.KeySliceCount;

    /// <summary>Floats that a stretch's sums take: of each row the greatest score, the weights' sum, and the mixed values.</summary>
    public int PartLength => RowCount * PartStride;

    /// <summary>Floats of scratch for each thread.</summary>
    public int ScratchLength => VectorAttention.ScratchLength(shape) + AttentionTile.Columns * (shape.HeadSize + shape.ValueSize) + Lanes;

    private int PartStride => shape.ValueSize + Lanes;

    /// <summary>Whether a shape has few enough queries for one tile of rows.</summary>
    public static bool Takes(in AttentionShape shape) => new SharedKeyAttention(shape).RowCount <= AttentionTile.Rows;

    /// <summary>Computes a stretch of a key head.</summary>
    /// <param name="unit">Which.</param>
    /// <param name="mask">What to skip, a tile of all queries at a time.</param>
    /// <param name="scratch">Room of <see cref="ScratchLength"/> floats that no other thread uses.</param>
    /// <param name="parts">Gets the sums of every unit, <see cref="PartLength"/> floats each.</param>
    public void Compute(int unit, AttentionMask mask, float* scratch, float* parts)
    {
        int head = unit / StretchCount,
            first = unit % StretchCount * StretchTiles,
            last = Math.Min(first + StretchTiles, PackedKeys.TileCount(shape.TokenCount));
        (int keyHead, int keySlice) = (head % shape.KeyHeadCount, head / shape.KeyHeadCount);
        var products = new VectorAttention(shape, mask, scratch);
        float* keys = scratch + VectorAttention.ScratchLength(shape);
        var softmax = new AttentionTile(scratch, shape.ValueSize);
        softmax.Begin();
        int rows = (RowCount + TileProduct.RowBlock - 1) / TileProduct.RowBlock * TileProduct.RowBlock;
        SharedKeyAttention own = this;
        products.LoadRows(row => row < own.RowCount ? own.QueryRow(keyHead, keySlice, row) : 0, rows);
        for (int tile = first; tile < last; tile++)
        {
            if (IsMasked(mask, keySlice, tile))
                continue;
            // One tile's room stands for the place that it would have among all.
            float* home = keys - (PackedKeys.Keys(keys, shape, tile) - keys);
            PackedKeys.Pack(home, shape, keyHead, keySlice, tile);
            (int tokens, _) = PackedKeys.SizeOf(shape, tile);
            products.Score(home, tile, rows);
            for (int row = 0; row < RowCount; row++)
            {
                (int slice, _, int query) = Place(keyHead, keySlice, row);
                if (mask.Effect(slice, 0, tile) == MaskEffect.Some)
                    softmax.AddMask(mask.Row(slice, query, tile * AttentionTile.Columns), row, tokens);
                softmax.Weigh(row, row, tokens);
            }

            products.Mix(home, tile, rows);
        }

        for (int row = 0; row < RowCount; row++)
            softmax.StorePart(row, parts + (long)unit * PartLength + row * PartStride);
    }

    /// <summary>Sums the stretches of every row into the results; a query that attends to nothing gets zeros.</summary>
    public void Sum(float* parts)
    {
        for (int head = 0; head < shape.KeyHeadCount * shape.KeySliceCount; head++)
        {
            for (int row = 0; row < RowCount; row++)
            {
                (int slice, int own, int query) = Place(head % shape.KeyHeadCount, head / shape.KeyHeadCount, row);
                float* of = parts + (long)head * StretchCount * PartLength + row * PartStride;
                AttentionTile.SumParts(of, PartLength, StretchCount, shape.ValueSize, shape.ResultRow(slice, own, query));
            }
        }
    }

    private nint QueryRow(int keyHead, int keySlice, int row)
    {
        (int slice, int head, int query) = Place(keyHead, keySlice, row);
        return (nint)shape.QueryRow(slice, head, query);
    }

    private (int Slice, int Head, int Query) Place(int keyHead, int keySlice, int row)
    {
        int user = row / shape.QueryCount;
        return (
            keySlice * shape.SlicesPerKey + user / shape.HeadsPerKey,
            keyHead * shape.HeadsPerKey + user % shape.HeadsPerKey,
            row % shape.QueryCount
        );
    }

    private bool IsMasked(AttentionMask mask, int keySlice, int tile)
    {
        for (int slice = 0; slice < shape.SlicesPerKey; slice++)
        {
            if (mask.Effect(keySlice * shape.SlicesPerKey + slice, 0, tile) != MaskEffect.All)
                return false;
        }

        return true;
    }
}
