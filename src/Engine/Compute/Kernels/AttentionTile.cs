using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tessera.Compute.Kernels;

/// <summary>
/// The queries of one head that are attended to together, against all keys, tile by tile with a running softmax (Dao et al.,
/// FlashAttention, arXiv 2205.14135, algorithm 1). All sums are in single precision.
/// </summary>
/// <param name="scratch">Room of <see cref="ScratchLength"/> floats that no other thread uses.</param>
internal readonly unsafe struct AttentionTile(float* scratch)
{
    /// <summary>Queries of a tile: what is multiplied at a time, on vectors or in blocks of the matrix unit, comes in whole.</summary>
    public const int Rows = 96;

    /// <summary>Keys of a tile.</summary>
    public const int Columns = TileProduct.Stride;

    private const int Lanes = TileProduct.Lanes;

    // Rows and columns of a block of the matrix unit.
    private const int Block = 2 * MatrixUnit.TileRows;

    private float* Scores => scratch;

    private float* MaskRow => scratch + Rows * Columns;

    private float* Greatest => MaskRow + Columns;

    private float* Queries => Greatest + 2 * Columns;

    /// <summary>Floats of scratch that a shape needs.</summary>
    public static int ScratchLength(in AttentionShape shape) => Rows * Columns + 3 * Columns + QueriesLength(shape) + WeightsLength(shape) + Rows * (ValueStride(shape) + Lanes);

    /// <summary>Computes the results of one head's tile of queries.</summary>
    /// <param name="shape">The operation.</param>
    /// <param name="mask">What to skip.</param>
    /// <param name="keys">The packed keys and values of the head's key head.</param>
    /// <param name="place">Which queries.</param>
    public void Compute(in AttentionShape shape, AttentionMask mask, float* keys, (int Slice, int Head, int Tile) place)
    {
        int firstQuery = place.Tile * Rows, count = Math.Min(Rows, shape.QueryCount - firstQuery);
        int rows = (count + TileProduct.RowBlock - 1) / TileProduct.RowBlock * TileProduct.RowBlock;
        float* weights = Queries + QueriesLength(shape), sums = weights + WeightsLength(shape), mixed = sums + Rows * Lanes;
        new Span<float>(sums, Rows * (Lanes + ValueStride(shape))).Clear();
        new Span<float>(Greatest, Rows).Fill(float.NegativeInfinity);
        if (MatrixUnit.IsSupported)
        {
            ComputeOnUnit(shape, mask, keys, place, (firstQuery, count), weights, sums, mixed);
            Store(shape, place, firstQuery, count, sums, mixed);
            return;
        }

        LoadQueries(shape, place, firstQuery, count, rows);

        int tiles = PackedKeys.TileCount(shape.TokenCount);
        for (int tile = 0; tile < tiles; tile++)
        {
            MaskEffect effect = mask.Effect(place.Slice, place.Tile, tile);
            if (effect == MaskEffect.All) continue;
            (int tokens, int columns) = PackedKeys.SizeOf(shape, tile);
            new Span<float>(Scores, rows * Columns).Clear();
            Multiply(shape, PackedKeys.Keys(keys, shape, tile), rows, columns);
            for (int row = 0; row < count; row++)
            {
                if (effect == MaskEffect.Some) AddMask(mask.Row(place.Slice, firstQuery + row, tile * Columns), row, tokens);
                Weigh(row, row, tokens, sums, mixed, shape.ValueSize);
            }

            TileProduct.Add(Scores, PackedKeys.Values(keys, shape, tile), mixed, rows, tokens, shape.ValueSize, shape.ValueSize);
        }

        Store(shape, place, firstQuery, count, sums, mixed);
    }

    private static int QueriesLength(in AttentionShape shape) =>
        MatrixUnit.IsSupported ? Rows / MatrixUnit.TileRows * new AttentionOperands(shape).Bytes(shape.HeadSize) / sizeof(float) : Rows * Chunks(shape) * TileProduct.Stride;

    private static int WeightsLength(in AttentionShape shape) => MatrixUnit.IsSupported ? Block / MatrixUnit.TileRows * new AttentionOperands(shape).Bytes(Columns) / sizeof(float) : 0;

    private static int ValueStride(in AttentionShape shape) => MatrixUnit.IsSupported ? new AttentionOperands(shape).PaddedValueSize : shape.ValueSize;

    // In blocks of 32 queries, so that their scores and weights stay in the nearest cache.
    private void ComputeOnUnit(in AttentionShape shape, AttentionMask mask, float* keys, (int Slice, int Head, int Tile) place, (int First, int Count) queries, float* weights, float* sums, float* mixed)
    {
        byte* previous = stackalloc byte[MatrixUnit.ConfigurationBytes];
        var operands = new AttentionOperands(shape);
        PackQueries(shape, operands, place, queries);
        MatrixUnit.Enter(previous);
        int tiles = PackedKeys.TileCount(shape.TokenCount), stride = ValueStride(shape);
        for (int tile = 0; tile < tiles; tile++)
        {
            MaskEffect effect = mask.Effect(place.Slice, place.Tile, tile);
            if (effect == MaskEffect.All) continue;
            int tokens = PackedKeys.SizeOf(shape, tile).Tokens;
            for (int first = 0; first < queries.Count; first += Block)
            {
                byte* rows = (byte*)Queries + first / MatrixUnit.TileRows * operands.Bytes(shape.HeadSize);
                MultiplyOnUnit(operands, rows, operands.Keys(keys, tile), shape.HeadSize, Scores, Columns, adds: false);
                for (int row = 0; row < Math.Min(Block, queries.Count - first); row++)
                {
                    if (effect == MaskEffect.Some) AddMask(mask.Row(place.Slice, queries.First + first + row, tile * Columns), row, tokens);
                    Weigh(row, first + row, tokens, sums, mixed, stride);
                }

                for (int half = 0; half < 2; half++)
                    operands.PackLeft(Scores + half * MatrixUnit.TileRows * Columns, Columns, MatrixUnit.TileRows, Columns, (byte*)weights + half * operands.Bytes(Columns));
                MultiplyOnUnit(operands, (byte*)weights, operands.Values(keys, tile), Columns, mixed + (long)first * stride, stride, adds: true);
            }
        }

        MatrixUnit.Leave(previous);
    }

    private void PackQueries(in AttentionShape shape, AttentionOperands operands, (int Slice, int Head, int Tile) place, (int First, int Count) queries)
    {
        byte* head = shape.Query->data + (ulong)place.Head * shape.Query->nb[2] + (ulong)place.Slice * shape.Query->nb[3];
        float* scaled = stackalloc float[MatrixUnit.TileRows * shape.HeadSize];
        for (int first = 0; first < Rows; first += MatrixUnit.TileRows)
        {
            int count = Math.Clamp(queries.Count - first, 0, MatrixUnit.TileRows);
            for (int row = 0; row < count; row++)
                Scale((float*)(head + (ulong)(queries.First + first + row) * shape.Query->nb[1]), shape.Scale, new Span<float>(scaled + row * shape.HeadSize, shape.HeadSize));
            operands.PackLeft(scaled, shape.HeadSize, count, shape.HeadSize, (byte*)Queries + first / MatrixUnit.TileRows * operands.Bytes(shape.HeadSize));
        }
    }

    // 32 rows by all columns of the sums.
    private static void MultiplyOnUnit(AttentionOperands operands, byte* rows, byte* columns, int depth, float* sums, int columnCount, bool adds)
    {
        int bytes = operands.Bytes(depth);
        MatrixUnitCall call = default;
        call.A0 = rows;
        call.A1 = rows + bytes;
        call.TileCount = operands.RunLength(depth);
        call.SumStride = columnCount * sizeof(float);
        call.AddsToSums = adds ? 1 : 0;
        for (int column = 0; column < columnCount; column += Block, columns += 2 * bytes)
        {
            call.B0 = columns;
            call.B1 = columns + bytes;
            call.Sums = sums + column;
            MatrixUnit.Multiply(&call);
        }
    }

    private static int Chunks(in AttentionShape shape) => (shape.HeadSize + TileProduct.Stride - 1) / TileProduct.Stride;

    // Scaled, in pieces as deep as a product takes, rows of no query zero.
    private void LoadQueries(in AttentionShape shape, (int Slice, int Head, int Tile) place, int firstQuery, int count, int rows)
    {
        byte* head = shape.Query->data + (ulong)place.Head * shape.Query->nb[2] + (ulong)place.Slice * shape.Query->nb[3];
        for (int first = 0, piece = 0; first < shape.HeadSize; first += TileProduct.Stride, piece++)
        {
            int length = Math.Min(TileProduct.Stride, shape.HeadSize - first);
            for (int row = 0; row < rows; row++)
            {
                var target = new Span<float>(Queries + (piece * rows + row) * TileProduct.Stride, length);
                if (row < count) Scale((float*)(head + (ulong)(firstQuery + row) * shape.Query->nb[1]) + first, shape.Scale, target);
                else target.Clear();
            }
        }
    }

    private static void Scale(float* source, float factor, Span<float> target)
    {
        int index = 0;
        for (; index + Lanes <= target.Length; index += Lanes) (Vector512.Load(source + index) * factor).CopyTo(target[index..]);
        for (; index < target.Length; index++) target[index] = source[index] * factor;
    }

    // Scores [columns of Columns, rows].
    private void Multiply(in AttentionShape shape, float* keys, int rows, int columns)
    {
        float* queries = Queries;
        for (int depth = shape.HeadSize; depth > 0; depth -= TileProduct.Stride, queries += rows * TileProduct.Stride, keys += (long)TileProduct.Stride * columns)
            TileProduct.Add(queries, keys, Scores, rows, Math.Min(depth, TileProduct.Stride), columns, Columns);
    }

    private void AddMask(ushort* mask, int row, int tokens)
    {
        ElementConversion.HalvesToFloat(new ReadOnlySpan<ushort>(mask, tokens), new Span<float>(MaskRow, tokens));
        float* scores = Scores + row * Columns;
        for (int index = 0; index < Columns; index += Lanes) (Vector512.Load(scores + index) + Vector512.Load(MaskRow + index)).Store(scores + index);
    }

    // Scores of a row -> their weights, with what was summed before scaled to the greatest score so far.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Weigh(int row, int query, int tokens, float* sums, float* mixedRows, int valueSize)
    {
        float* scores = Scores + row * Columns, sum = sums + query * Lanes, mixed = mixedRows + (long)query * valueSize;
        for (int index = tokens; index < Columns; index++) scores[index] = float.NegativeInfinity;
        Vector512<float> highest = Vector512.Load(scores);
        for (int index = Lanes; index < Columns; index += Lanes) highest = Vector512.MaxNative(highest, Vector512.Load(scores + index));
        float greatest = VectorMath.Greatest(highest), before = Greatest[query];
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
            for (int index = 0; index < valueSize; index += Lanes) (Vector512.Load(mixed + index) * factor).Store(mixed + index);
        }

        Vector512<float> reference = Vector512.Create(MathF.Max(greatest, before)), total = Vector512.Load(sum);
        for (int index = 0; index < Columns; index += Lanes)
        {
            Vector512<float> weight = VectorMath.Exp(Vector512.Load(scores + index) - reference);
            weight.Store(scores + index);
            total += weight;
        }

        total.Store(sum);
    }

    // A query that attends to nothing gets zeros.
    private static void Store(in AttentionShape shape, (int Slice, int Head, int Tile) place, int firstQuery, int count, float* sums, float* mixed)
    {
        for (int row = 0; row < count; row++)
        {
            float sum = Vector512.Sum(Vector512.Load(sums + row * Lanes));
            Vector512<float> factor = Vector512.Create(sum == 0 ? 0 : 1 / sum);
            float* source = mixed + (long)row * ValueStride(shape);
            var target = (float*)(shape.Result->data + (ulong)place.Head * shape.Result->nb[1] + (ulong)(firstQuery + row) * shape.Result->nb[2] + (ulong)place.Slice * shape.Result->nb[3]);
            for (int index = 0; index < shape.ValueSize; index += Lanes) (Vector512.Load(source + index) * factor).Store(target + index);
        }
    }
}
