using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>Some columns of a product, in blocks of 32: the weight's rows for them, unpacked and multiplied with all of x's rows.</summary>
/// <param name="product">The product.</param>
/// <param name="firstBlock">The first block.</param>
/// <param name="blockCount">How many.</param>
/// <param name="parts">Whether operands are rounded (1), or what that takes away is multiplied too (2).</param>
/// <param name="tiles">Room for the packed blocks: of each, its parts behind each other.</param>
/// <param name="values">Room for 32 rows of the weight in single precision.</param>
internal readonly unsafe struct WeightColumns(MatrixProduct product, int firstBlock, int blockCount, int parts, byte* tiles, float* values)
{
    // Steps of one call: its operands stay in the inner cache while the columns next to them are multiplied.
    private const int StepsAtOnce = 32;
    private readonly int steps = TilePacking.StepCount(product.Depth);

    private long HalfBytes => (long)steps * MatrixUnit.TileBytes;

    /// <summary>Unpacks the weight's rows.</summary>
    public void Pack()
    {
        ggml_tensor* weight = product.Weight;
        int depth = product.Depth;
        for (int half = 0; half < 2 * blockCount; half++)
        {
            int first = firstBlock * MatrixUnit.Block + half * MatrixUnit.TileRows,
                count = Math.Clamp(product.ColumnCount - first, 0, MatrixUnit.TileRows);
            byte* high = tiles + half / 2 * parts * 2 * HalfBytes + half % 2 * HalfBytes;
            if (product.IsRepacked)
            {
                RepackedWeights.Unpack(weight, first, high);
                continue;
            }

            for (int row = 0; row < count; row++)
            {
                var stored = new ReadOnlySpan<byte>(weight->data + (ulong)(first + row) * weight->nb[1], (int)weight->nb[1]);
                ElementConversion.ToFloat((GgufTensorType)(int)weight->type, stored, new Span<float>(values + (long)row * depth, depth));
            }

            TilePacking.PackRight(values, depth, count, depth, high, parts == 1 ? null : high + 2 * HalfBytes);
        }
    }

    /// <summary>Multiplies with packed rows, in blocks of 32.</summary>
    public void Multiply(byte* x, int rowBlocks, float* aside)
    {
        byte* previous = stackalloc byte[MatrixUnit.ConfigurationBytes];
        MatrixUnit.Enter(previous);
        for (int rowBlock = 0; rowBlock < rowBlocks; rowBlock++)
        {
            byte* rows = x + rowBlock * 2 * HalfBytes;
            for (int step = 0; step < steps; step += StepsAtOnce)
            {
                for (int block = 0; block < blockCount; block++)
                    Multiply(rows, rows + rowBlocks * 2 * HalfBytes, rowBlock, block, step, aside);
            }
        }

        MatrixUnit.Leave(previous);
    }

    private void Multiply(byte* high, byte* low, int rowBlock, int block, int step, float* aside)
    {
        int column = (firstBlock + block) * MatrixUnit.Block,
            row = rowBlock * MatrixUnit.Block;
        int columnCount = Math.Min(MatrixUnit.Block, product.ColumnCount - column),
            rowCount = Math.Min(MatrixUnit.Block, product.RowCount - row);
        float* target = (float*)product.Result->data + (long)row * product.ColumnCount + column;
        bool isWhole = columnCount == MatrixUnit.Block && rowCount == MatrixUnit.Block;
        byte* columns = tiles + block * parts * 2 * HalfBytes;
        MatrixUnitCall call = default;
        call.TileCount = Math.Min(StepsAtOnce, steps - step);
        call.Sums = isWhole ? target : aside;
        call.SumStride = (isWhole ? product.ColumnCount : MatrixUnit.Block) * sizeof(float);
        call.AddsToSums = step > 0 ? 1 : 0;
        if (!isWhole && step > 0)
            Copy(target, product.ColumnCount, aside, MatrixUnit.Block, rowCount, columnCount);
        Add(&call, high, columns, step);
        if (parts == 2)
        {
            Add(&call, high, columns + 2 * HalfBytes, step);
            Add(&call, low, columns, step);
        }

        if (!isWhole)
            Copy(aside, MatrixUnit.Block, target, product.ColumnCount, rowCount, columnCount);
    }

    private void Add(MatrixUnitCall* call, byte* rows, byte* columns, int step)
    {
        long offset = (long)step * MatrixUnit.TileBytes;
        call->A0 = rows + offset;
        call->A1 = call->A0 + HalfBytes;
        call->B0 = columns + offset;
        call->B1 = call->B0 + HalfBytes;
        MatrixUnit.Multiply(call);
        call->AddsToSums = 1;
    }

    private static void Copy(float* source, int sourceStride, float* target, int targetStride, int rowCount, int columnCount)
    {
        for (int row = 0; row < rowCount; row++)
            new Span<float>(source + (long)row * sourceStride, columnCount).CopyTo(
                new Span<float>(target + (long)row * targetStride, columnCount)
            );
    }
}
