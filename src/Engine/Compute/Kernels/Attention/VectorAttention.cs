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
            MaskEffect effect = mask.Effect(place.Slice, place.Tile, tile);
            if (effect == MaskEffect.All)
                continue;
            (int tokens, _) = PackedKeys.SizeOf(shape, tile);
            Score(keys, tile, rows);
            for (int row = 0; row < count; row++)
            {
                if (effect == MaskEffect.Some)
                    softmax.AddMask(mask.Row(place.Slice, firstQuery + row, tile * AttentionTile.Columns), row, tokens);
                softmax.Weigh(row, row, tokens);
            }

            Mix(keys, tile, rows);
        }

        softmax.Store(shape, place, firstQuery, count);
    }

    private static int Pieces(in AttentionShape shape) => (shape.HeadSize + TileProduct.Stride - 1) / TileProduct.Stride;

    /// <summary>Loads queries, scaled, in pieces as deep as a product takes.</summary>
    /// <param name="queryRow">Where a row's query lies; 0 for rows that become zero.</param>
    /// <param name="rows">Rows, a multiple of <see cref="TileProduct.RowBlock"/>.</param>
    public void LoadRows(Func<int, nint> queryRow, int rows)
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

    /// <summary>Scores of the loaded rows with a tile's keys.</summary>
    public void Score(float* keys, int tile, int rows)
    {
        (_, int columns) = PackedKeys.SizeOf(shape, tile);
        new Span<float>(softmax.Scores, rows * AttentionTile.Columns).Clear();
        Multiply(PackedKeys.Keys(keys, shape, tile), rows, columns);
    }

    /// <summary>Adds a tile's values, weighed.</summary>
    public void Mix(float* keys, int tile, int rows)
    {
        (int tokens, _) = PackedKeys.SizeOf(shape, tile);
        float* values = PackedKeys.Values(keys, shape, tile);
        TileProduct.Add(softmax.Scores, values, softmax.Mixed, rows, tokens, shape.ValueSize, shape.ValueSize);
    }

    // Scores [columns, rows].
    private void Multiply(float* keys, int rows, int columns)
    {
        float* queries = Queries;
        for (
            int depth = shape.HeadSize;
            depth > 0;
            depth -= TileProduct.Stride, queries += rows * TileProduct.Stride, keys += (long)TileProduct.Stride * columns
        )
            TileProduct.Add(queries, keys, softmax.Scores, rows, Math.Min(depth, TileProduct.Stride), columns, AttentionTile.Columns);
    }
}
