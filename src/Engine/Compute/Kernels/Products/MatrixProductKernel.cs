using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Matrix products on the <see cref="MatrixUnit"/>: x is rounded to tiles once, then each thread unpacks some columns of the weight,
/// whatever its type, and multiplies them with all rows. One operation at a time.
/// </summary>
internal sealed unsafe class MatrixProductKernel : IDisposable
{
    // Of the packed columns that a thread works on, in its outer cache.
    private const long ColumnsLimit = 1L << 20;
    private const int MaxBlocksAtOnce = 4;
    private readonly ScratchMemory left = new();
    private readonly ScratchMemory scratch = new();
    private (nint Tensor, nint Data, int Depth, int Rows) packed;
    private bool isPackedExactly;

    /// <summary>Forgets which x is packed: a new graph may have another one in its place.</summary>
    public void Begin() => packed = default;

    /// <summary>Computes an operation that <see cref="MatrixProduct.IsSupported"/> accepts.</summary>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public void Compute(MatrixProduct product, int threadCount)
    {
        int steps = TilePacking.StepCount(product.Depth),
            parts = product.IsExact ? 2 : 1;
        long blockBytes = 2L * steps * MatrixUnit.TileBytes;
        int rowBlocks = (product.RowCount + MatrixUnit.Block - 1) / MatrixUnit.Block,
            columnBlocks = (product.ColumnCount + MatrixUnit.Block - 1) / MatrixUnit.Block;
        PackX(product, rowBlocks, blockBytes, parts, threadCount);

        int together = (int)Math.Clamp(Math.Min(ColumnsLimit / (blockBytes * parts), columnBlocks / (2 * threadCount)), 1, MaxBlocksAtOnce);
        long valueBytes = (long)MatrixUnit.Block * product.Depth * sizeof(float),
            sumBytes = MatrixUnit.Block * MatrixUnit.Block * sizeof(float);
        long scratchEach = together * blockBytes * parts + (valueBytes + 63) / 64 * 64 + sumBytes;
        byte* rooms = scratch.Reserve(threadCount * scratchEach);
        byte* x = left.Reserve(0);
        WorkSharing.Share(
            threadCount,
            (columnBlocks + together - 1) / together,
            (worker, unit) =>
            {
                byte* room = rooms + worker * scratchEach;
                var columns = new WeightColumns(
                    product,
                    unit * together,
                    Math.Min(together, columnBlocks - unit * together),
                    parts,
                    room,
                    (float*)(room + together * blockBytes * parts)
                );
                columns.Pack();
                columns.Multiply(x, rowBlocks, (float*)(room + scratchEach - sumBytes));
            }
        );
    }

    public void Dispose()
    {
        left.Dispose();
        scratch.Dispose();
    }

    // Rows in blocks of 32, each as two rows of tiles; the parts lie behind each other.
    private void PackX(MatrixProduct product, int rowBlocks, long blockBytes, int parts, int threadCount)
    {
        // Another view of the same is the same.
        ggml_tensor* whole = product.X->view_src == null ? product.X : product.X->view_src;
        (nint, nint, int, int) wanted = ((nint)whole, (nint)product.X->data, product.Depth, product.RowCount);
        if (packed == wanted && isPackedExactly == (parts == 2))
            return;
        packed = default;
        byte* tiles = left.Reserve(rowBlocks * blockBytes * parts);
        var rows = (float*)product.X->data;
        int depth = product.Depth,
            rowCount = product.RowCount;
        WorkSharing.Share(
            threadCount,
            rowBlocks * 2,
            (_, unit) =>
            {
                int first = unit * MatrixUnit.TileRows;
                byte* high = tiles + unit * (blockBytes / 2),
                    low = parts == 1 ? null : high + rowBlocks * blockBytes;
                TilePacking.PackLeft(
                    rows + (long)first * depth,
                    depth,
                    Math.Clamp(rowCount - first, 0, MatrixUnit.TileRows),
                    depth,
                    high,
                    low
                );
            }
        );
        (packed, isPackedExactly) = (wanted, parts == 2);
    }
}
