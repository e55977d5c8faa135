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
        LoadQueries(place, firstQuery, count, rows);
        int tiles = PackedKeys.TileCount(shape.TokenCount);
        for (int tile = 0; tile < tiles; tile++)
        {
            MaskEffect effect = mask.Effect(place.Slice, place.Tile, tile);
            if (effect == MaskEffect.All)
                continue;
            (int tokens, int columns) = PackedKeys.SizeOf(shape, tile);
            new Span<float>(softmax.Scores, rows * AttentionTile.Columns).Clear();
            Multiply(PackedKeys.Keys(keys, shape, tile), rows, columns);
            for (int row = 0; row < count; row++)
            {
                if (effect == MaskEffect.Some)
                    softmax.AddMask(mask.Row(place.Slice, firstQuery + row, tile * AttentionTile.Columns), row, tokens);
                softmax.Weigh(row, row, tokens);
            }

            TileProduct.Add(
                softmax.Scores,
                PackedKeys.Values(keys, shape, tile),
                softmax.Mixed,
                rows,
                tokens,
                shape.ValueSize,
                shape.ValueSize
            );
        }

        softmax.Store(shape, place, firstQuery, count);
    }

    private static int Pieces(in AttentionShape shape) => (shape.HeadSize + TileProduct.Stride - 1) / TileProduct.Stride;

    // Scaled, in pieces as deep as a product takes, rows of no query zero.
    private void LoadQueries((int Slice, int Head, int Tile) place, int firstQuery, int count, int rows)
    {
        for (int first = 0, piece = 0; first < shape.HeadSize; first += TileProduct.Stride, piece++)
        {
            int length = Math.Min(TileProduct.Stride, shape.HeadSize - first);
            for (int row = 0; row < rows; row++)
            {
                var target = new Span<float>(Queries + (piece * rows + row) * TileProduct.Stride, length);
                if (row < count)
                    AttentionTile.Scale(shape.QueryRow(place.Slice, place.Head, firstQuery + row) + first, shape.Scale, target);
                else
                    target.Clear();
            }
        }
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
