using Tessera.Compute.Kernels.Products;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>Attention's products on the <see cref="MatrixUnit"/>, in blocks of 32 queries, whose scores and weights stay in the nearest
/// cache.</summary>
/// <param name="shape">The operation.</param>
/// <param name="mask">What to skip.</param>
/// <param name="scratch">Room of <see cref="ScratchLength"/> floats that no other thread uses.</param>
internal readonly unsafe struct MatrixUnitAttention(AttentionShape shape, AttentionMask mask, float* scratch)
{
    private readonly AttentionOperands operands = new(shape);
    private readonly AttentionTile softmax = new(scratch, new AttentionOperands(shape).PaddedValueSize);

    private byte* Queries => (byte*)(scratch + AttentionTile.Length(operands.PaddedValueSize));

    private byte* Weights => Queries + AttentionTile.Rows / MatrixUnit.TileRows * operands.Bytes(shape.HeadSize);

    /// <summary>Floats of scratch that a shape needs.</summary>
    public static int ScratchLength(in AttentionShape shape)
    {
        var operands = new AttentionOperands(shape);
        int queries = AttentionTile.Rows / MatrixUnit.TileRows * operands.Bytes(shape.HeadSize),
            weights = MatrixUnit.Block / MatrixUnit.TileRows * operands.Bytes(AttentionTile.Columns);
        return AttentionTile.Length(operands.PaddedValueSize) + (queries + weights) / sizeof(float);
    }

    /// <summary>Computes the results of one head's tile of queries.</summary>
    /// <param name="keys">The head's keys and values as the operands have packed them.</param>
    /// <param name="place">Which queries.</param>
    public void Compute(float* keys, (int Slice, int Head, int Tile) place)
    {
        int firstQuery = place.Tile * AttentionTile.Rows,
            count = Math.Min(AttentionTile.Rows, shape.QueryCount - firstQuery);
        softmax.Begin();
        PackQueries(place, (firstQuery, count));
        byte* previous = stackalloc byte[MatrixUnit.ConfigurationBytes];
        MatrixUnit.Enter(previous);
        int tiles = PackedKeys.TileCount(shape.TokenCount);
        for (int tile = 0; tile < tiles; tile++)
        {
            MaskEffect effect = mask.Effect(place.Slice, place.Tile, tile);
            if (effect == MaskEffect.All)
                continue;
            for (int first = 0; first < count; first += MatrixUnit.Block)
            {
                MultiplyKeys(keys, tile, first);
                WeighScores(place.Slice, (firstQuery, first, count), tile, hasMask: effect == MaskEffect.Some);
                MixValues(keys, tile, first);
            }
        }

        MatrixUnit.Leave(previous);
        softmax.Store(shape, place, firstQuery, count);
    }

    private void MultiplyKeys(float* keys, int tile, int first)
    {
        byte* rows = Queries + first / MatrixUnit.TileRows * operands.Bytes(shape.HeadSize);
        Multiply(rows, operands.Keys(keys, tile), shape.HeadSize, softmax.Scores, AttentionTile.Columns, adds: false);
    }

    private void WeighScores(int slice, (int FirstQuery, int First, int Count) block, int tile, bool hasMask)
    {
        int tokens = PackedKeys.SizeOf(shape, tile).Tokens;
        for (int row = 0; row < Math.Min(MatrixUnit.Block, block.Count - block.First); row++)
        {
            if (hasMask)
                softmax.AddMask(mask.Row(slice, block.FirstQuery + block.First + row, tile * AttentionTile.Columns), row, tokens);
            softmax.Weigh(row, block.First + row, tokens);
        }
    }

    private void MixValues(float* keys, int tile, int first)
    {
        const int Columns = AttentionTile.Columns;
        for (int row = 0; row < MatrixUnit.Block; row += MatrixUnit.TileRows)
            operands.PackLeft(
                softmax.Scores + row * Columns,
                Columns,
                MatrixUnit.TileRows,
                Columns,
                Weights + row / MatrixUnit.TileRows * operands.Bytes(Columns)
            );
        Multiply(
            Weights,
            operands.Values(keys, tile),
            Columns,
            softmax.Mixed + (long)first * operands.PaddedValueSize,
            operands.PaddedValueSize,
            adds: true
        );
    }

    private void PackQueries((int Slice, int Head, int Tile) place, (int First, int Count) queries)
    {
        float* scaled = stackalloc float[MatrixUnit.TileRows * shape.HeadSize];
        for (int first = 0; first < AttentionTile.Rows; first += MatrixUnit.TileRows)
        {
            int count = Math.Clamp(queries.Count - first, 0, MatrixUnit.TileRows);
            for (int row = 0; row < count; row++)
                AttentionTile.Scale(
                    shape.QueryRow(place.Slice, place.Head, queries.First + first + row),
                    shape.Scale,
                    new Span<float>(scaled + row * shape.HeadSize, shape.HeadSize)
                );
            operands.PackLeft(
                scaled,
                shape.HeadSize,
                count,
                shape.HeadSize,
                Queries + first / MatrixUnit.TileRows * operands.Bytes(shape.HeadSize)
            );
        }
    }

    // 32 rows by all columns of the sums.
    private void Multiply(byte* rows, byte* columns, int depth, float* sums, int columnCount, bool adds)
    {
        int bytes = operands.Bytes(depth);
        MatrixUnitCall call = default;
        call.A0 = rows;
        call.A1 = rows + bytes;
        call.TileCount = operands.RunLength(depth);
        call.SumStride = columnCount * sizeof(float);
        call.AddsToSums = adds ? 1 : 0;
        for (int column = 0; column < columnCount; column += MatrixUnit.Block, columns += 2 * bytes)
        {
            call.B0 = columns;
            call.B1 = columns + bytes;
            call.Sums = sums + column;
            MatrixUnit.Multiply(&call);
        }
    }
}
