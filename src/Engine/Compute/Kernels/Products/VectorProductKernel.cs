namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Matrix products on the processor's vectors: x is packed once, then each thread unpacks some columns of the weight, stretch by stretch,
/// and multiplies them with all rows. One operation at a time.
/// </summary>
internal sealed unsafe class VectorProductKernel : IDisposable
{
    // Columns that share what is read of x, in blocks of 32.
    private const int MaxBlocksAtOnce = 2;
    private const int SumBytes = ProductCall.RowCount * ProductCall.ColumnCount * sizeof(float);
    private readonly PackedRows rows = new();
    private readonly ScratchMemory scratch = new();

    /// <summary>Forgets which x is packed: a new graph may have another one in its place.</summary>
    public void Begin() => rows.Forget();

    /// <summary>Computes an operation in a form that <see cref="ProductForms.Of"/> gave for it.</summary>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public void Compute(MatrixProduct product, ProductForm form, int threadCount)
    {
        byte* x = rows.Pack(product, form, threadCount);
        int blocks = (product.ColumnCount + ProductCall.ColumnCount - 1) / ProductCall.ColumnCount,
            together = Math.Clamp(blocks / (2 * threadCount), 1, MaxBlocksAtOnce);
        long blockBytes = (long)form.StepCount(form.StretchDepth) * form.ColumnsBytes,
            scratchEach = together * blockBytes + SumBytes;
        byte* rooms = scratch.Reserve(threadCount * scratchEach);
        WorkSharing.Share(
            threadCount,
            (blocks + together - 1) / together,
            (worker, unit) =>
            {
                byte* room = rooms + worker * scratchEach;
                int first = unit * together;
                Multiply(product, form, x, (first, Math.Min(together, blocks - first)), room, blockBytes);
            }
        );
    }

    public void Dispose()
    {
        rows.Dispose();
        scratch.Dispose();
    }

    private static void Multiply(
        MatrixProduct product,
        ProductForm form,
        byte* x,
        (int First, int Count) blocks,
        byte* room,
        long blockBytes
    )
    {
        var columns = new PackedColumns(product, form);
        var block = new SumBlocks(product, ProductForms.Entry(form.Kernel), (float*)(room + blocks.Count * blockBytes));
        int rowBlocks = PackedRows.BlockCount(product.RowCount);
        for (int element = 0; element < product.Depth; element += form.StretchDepth)
        {
            int length = Math.Min(form.StretchDepth, product.Depth - element),
                steps = form.StepCount(length);
            for (int index = 0; index < blocks.Count; index++)
                columns.Pack((blocks.First + index) * ProductCall.ColumnCount, element, length, room + index * blockBytes);
            byte* from = x + PackedRows.Offset(form, product.RowCount, element);
            for (int row = 0; row < rowBlocks; row++, from += (long)steps * form.RowsBytes)
            {
                for (int index = 0; index < blocks.Count; index++)
                    block.Add(from, room + index * blockBytes, row, blocks.First + index, steps, element > 0);
            }
        }
    }
}

/// <summary>The blocks of a product's sums.</summary>
/// <param name="product">The product.</param>
/// <param name="kernel">What adds to a block.</param>
/// <param name="aside">Room for a block, where one reaches beyond the result.</param>
internal readonly unsafe struct SumBlocks(MatrixProduct product, delegate* unmanaged<ProductCall*, void> kernel, float* aside)
{
    /// <summary>Multiplies packed rows with packed columns and adds to, or sets, their block.</summary>
    public void Add(byte* rows, byte* columns, int rowBlock, int columnBlock, int steps, bool adds)
    {
        int row = rowBlock * ProductCall.RowCount,
            column = columnBlock * ProductCall.ColumnCount;
        int rowCount = Math.Min(ProductCall.RowCount, product.RowCount - row),
            columnCount = Math.Min(ProductCall.ColumnCount, product.ColumnCount - column);
        float* target = (float*)product.Result->data + (long)row * product.ColumnCount + column;
        bool isWhole = rowCount == ProductCall.RowCount && columnCount == ProductCall.ColumnCount;
        var call = new ProductCall
        {
            Rows = rows,
            Columns = columns,
            Sums = isWhole ? target : aside,
            SumStride = (isWhole ? product.ColumnCount : ProductCall.ColumnCount) * sizeof(float),
            Steps = steps,
            AddsToSums = adds ? 1 : 0,
        };
        if (!isWhole && adds)
            Copy(target, product.ColumnCount, aside, ProductCall.ColumnCount, rowCount, columnCount);
        kernel(&call);
        if (!isWhole)
            Copy(aside, ProductCall.ColumnCount, target, product.ColumnCount, rowCount, columnCount);
    }

    private static void Copy(float* source, int sourceStride, float* target, int targetStride, int rowCount, int columnCount)
    {
        for (int row = 0; row < rowCount; row++)
            new Span<float>(source + (long)row * sourceStride, columnCount).CopyTo(
                new Span<float>(target + (long)row * targetStride, columnCount)
            );
    }
}
