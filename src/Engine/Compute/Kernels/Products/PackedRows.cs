using System.Runtime.CompilerServices;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// The rows of x in the form that a product's kernel reads: for each stretch of the depth, blocks of 12 rows. Kept for the products of a
/// graph that multiply the same rows.
/// </summary>
internal sealed unsafe class PackedRows : IDisposable
{
    private readonly ScratchMemory memory = new();
    private (nint Tensor, nint Data, int Depth, int Rows, RowForm Form) packed;

    /// <summary>Forgets what is packed: a new graph may have another x in its place.</summary>
    public void Forget() => packed = default;

    /// <summary>Packs all rows, unless they are packed already; returns where.</summary>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public byte* Pack(MatrixProduct product, ProductForm form, int threadCount)
    {
        // Another view of the same is the same.
        ggml_tensor* whole = product.X->view_src == null ? product.X : product.X->view_src;
        (nint, nint, int, int, RowForm) wanted = ((nint)whole, (nint)product.X->data, product.Depth, product.RowCount, form.Rows);
        int blocks = BlockCount(product.RowCount);
        byte* target = memory.Reserve((long)blocks * form.StepCount(product.Depth) * form.RowsBytes);
        if (packed == wanted)
            return target;
        packed = default;
        WorkSharing.Share(threadCount, blocks, (_, block) => PackBlock(product, form, block, target));
        packed = wanted;
        return target;
    }

    /// <summary>Blocks of 12 rows.</summary>
    public static int BlockCount(int rowCount) => (rowCount + ProductCall.RowCount - 1) / ProductCall.RowCount;

    /// <summary>Bytes before a stretch's first block.</summary>
    public static long Offset(ProductForm form, int rowCount, int firstElement) =>
        (long)BlockCount(rowCount) * (firstElement / form.StepDepth) * form.RowsBytes;

    public void Dispose() => memory.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    private static void PackBlock(MatrixProduct product, ProductForm form, int block, byte* target)
    {
        int depth = product.Depth,
            first = block * ProductCall.RowCount,
            count = Math.Min(ProductCall.RowCount, product.RowCount - first);
        float* rows = (float*)product.X->data + (long)first * depth;
        for (int element = 0; element < depth; element += form.StretchDepth)
        {
            int length = Math.Min(form.StretchDepth, depth - element),
                steps = form.StepCount(length);
            byte* to = target + Offset(form, product.RowCount, element) + (long)block * steps * form.RowsBytes;
            if (form.Layout is { } layout)
                PackBlocks(rows + element, depth, count, steps, layout, to);
            else
                PackCells(rows + element, depth, count, length, steps, form.Rows, to);
        }
    }

    [SkipLocalsInit]
    private static void PackCells(float* rows, int stride, int count, int length, int steps, RowForm form, byte* target)
    {
        uint* cells = stackalloc uint[ProductCall.RowCount * steps];
        new Span<uint>(cells, ProductCall.RowCount * steps).Clear();
        for (int row = 0; row < count; row++)
        {
            if (form == RowForm.Halves)
                HalfRounding.Pairs(rows + (long)row * stride, length, cells + row * steps);
            else
                new ReadOnlySpan<float>(rows + (long)row * stride, length).CopyTo(new Span<float>(cells + row * steps, length));
        }

        CellTransposing.TwelveRows(cells, steps, steps, (uint*)target);
    }

    [SkipLocalsInit]
    private static void PackBlocks(float* rows, int stride, int count, int steps, BlockLayout layout, byte* target)
    {
        int cellCount = layout.CellCount;
        uint* cells = stackalloc uint[ProductCall.RowCount * cellCount];
        new Span<uint>(cells, ProductCall.RowCount * cellCount).Clear();
        for (int step = 0; step < steps; step++, target += layout.RowsBytes)
        {
            var scales = (float*)(target + layout.ScaleOfRows);
            new Span<byte>(scales, layout.RowsBytes - layout.ScaleOfRows).Clear();
            for (int row = 0; row < count; row++)
            {
                float* values = rows + (long)row * stride + step * RowQuantizing.Depth;
                if (layout.IsWords)
                    PackWords(values, row, (byte*)(cells + row * cellCount), scales);
                else
                    PackBytes(values, row, layout.HasPowers, (byte*)(cells + row * cellCount), scales);
            }

            CellTransposing.TwelveRows(cells, cellCount, cellCount, (uint*)target);
        }
    }

    private static void PackWords(float* values, int row, byte* words, float* scales)
    {
        (float scale, int sum) = RowQuantizing.ToWords(values, words);
        scales[row] = scale;
        scales[ProductCall.RowCount + row] = scale * sum;
    }

    private static void PackBytes(float* values, int row, bool toPower, byte* bytes, float* scales)
    {
        const int Offset = -128,
            Rows = ProductCall.RowCount;
        (float scale, int first, int last) = RowQuantizing.ToBytes(values, bytes, toPower);
        scales[row] = toPower ? BlockLayout.Origin * scale : scale;
        scales[Rows + row] = scale * (first + last);
        int* excess = (int*)scales + 2 * Rows;
        int none = toPower ? ((int*)scales)[row] : 0;
        excess[row] = none + Offset * (first + last);
        excess[Rows + row] = none + Offset * first;
        excess[2 * Rows + row] = none + Offset * last;
    }
}
