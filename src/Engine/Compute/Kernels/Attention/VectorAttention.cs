using Tessera.Compute.Kernels.Products;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>Attention's products on the processor's vectors.</summary>
/// <param name="shape">The operation.</param>
/// <param name="mask">What to skip.</param>
/// <param name="scratch">Room of <see cref="ScratchLength"/> floats that no other thread uses.</param>
internal readonly unsafe struct VectorAttention(AttentionShape shape, AttentionMask mask, float* scratch)
{
    private readonly AttentionTile softmax = new(scratch, shape.ValueSize);

    private float* Queries => scratch + AttentionTile.Length(shape.ValueSize);

    /// <summary>Floats of scratch that a shape needs.</summary>
    public static int ScratchLength(in AttentionShape shape) =>
        AttentionTile.Length(shape.ValueSize) + AttentionTile.Rows * Pieces(shape) * TileProduct.Stride;

    /// <summary>Computes the results of one head's tile of queries.</summary>
    /// <param name="keys">The head's <see cref="PackedKeys"/>.</param>
    /// <param name="place">Which queries.</param>
    public void Compute(float* keys, (int Slice, int Head, int Tile) place)
    {
        int firstQuery = place.Tile * AttentionTile.Rows,
            count = Math.Min(AttentionTile.Rows, shape.QueryCount - firstQuery);
        int rows = (count + TileProduct.RowBlock - 1) / TileProduct.RowBlock * TileProduct.RowBlock;
        softmax.Begin();
        AttentionShape own = shape;
        LoadRows(row => row < count ? (nint)own.QueryRow(place.Slice, place.Head, firstQuery + row) : 0, rows);
        int tiles = PackedKeys.TileCount(shape.TokenCount);
        for (int tile = 0; tile < tiles; tile++)
        {
            (int first, int seeing) = RowsThatSee(place, tile, rows);
            if (seeing == 0)
                continue;
            (int tokens, _) = PackedKeys.SizeOf(shape, tile);
            Score(keys, tile, (first, seeing), rows);
            for (int row = first; row < Math.Min(count, first + seeing); row++)
            {
                if (mask.Effect(place.Slice, (firstQuery + row) / TileProduct.RowBlock, tile) != MaskEffect.None)
                    softmax.AddMask(mask.Row(place.Slice, firstQuery + row, tile * AttentionTile.Columns), row, tokens);
                softmax.Weigh(row, row, tokens);
            }

            Mix(keys, tile, (first, seeing));
        }

        softmax.Store(shape, place, firstQuery, count);
    }

    // From the first to the last block of rows that sees any of a tile's keys.
    private (int First, int Count) RowsThatSee((int Slice, int Head, int Tile) place, int tile, int rows)
    {
        const int Block = TileProduct.RowBlock;
        int firstBlock = place.Tile * AttentionTile.Rows / Block,
            from = 0,
            to = rows / Block;
        while (from < to && mask.Effect(place.Slice, firstBlock + from, tile) == MaskEffect.All)
            from++;
        while (from < to && mask.Effect(place.Slice, firstBlock + to - 1, tile) == MaskEffect.All)
            to--;
        return (from * Block, (to - from) * Block);
    }

    private static int Pieces(in AttentionShape shape) => (shape.HeadSize + TileProduct.Stride - 1) / TileProduct.Stride;

    // Scaled, in pieces as deep as a product takes; rows that are not there become zero.
    private void LoadRows(Func<int, nint> queryRow, int rows)
    {
        for (int first = 0, piece = 0; first < shape.HeadSize; first += TileProduct.Stride, piece++)
        {
            int length = Math.Min(TileProduct.Stride, shape.HeadSize - first);
            for (int row = 0; row < rows; row++)
            {
                var target = new Span<float>(Queries + (piece * rows + row) * TileProduct.Stride, length);
                if (queryRow(row) is not 0 and nint query)
                    AttentionTile.Scale((float*)query + first, shape.Scale, target);
                else
                    target.Clear();
            }
        }
    }

    // Scores of some of the loaded rows with a tile's keys [columns, rows].
    private void Score(float* keys, int tile, (int First, int Count) seeing, int rows)
    {
        (_, int columns) = PackedKeys.SizeOf(shape, tile);
        float* own = PackedKeys.Keys(keys, shape, tile),
            queries = Queries + seeing.First * TileProduct.Stride,
            scores = softmax.Scores + seeing.First * AttentionTile.Columns;
        new Span<float>(scores, seeing.Count * AttentionTile.Columns).Clear();
        for (
            int depth = shape.HeadSize;
            depth > 0;
            depth -= TileProduct.Stride, queries += rows * TileProduct.Stride, own += (long)TileProduct.Stride * columns
        )
            TileProduct.Add(queries, own, scores, seeing.Count, Math.Min(depth, TileProduct.Stride), columns, AttentionTile.Columns);
    }

    // Adds a tile's values, weighed by some rows.
    private void Mix(float* keys, int tile, (int First, int Count) seeing)
    {
        (int tokens, _) = PackedKeys.SizeOf(shape, tile);
        TileProduct.Add(
            softmax.Scores + seeing.First * AttentionTile.Columns,
            PackedKeys.Values(keys, shape, tile),
            softmax.Mixed + (long)seeing.First * shape.ValueSize,
            seeing.Count,
            tokens,
            shape.ValueSize,
            shape.ValueSize
        );
    }
}
