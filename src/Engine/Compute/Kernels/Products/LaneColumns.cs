using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>The columns of a product in groups that a kernel of eight rows multiplies at a time.</summary>
/// <param name="product">A product of a weight that there is a kernel for.</param>
/// <param name="x">Its rows.</param>
internal readonly unsafe struct LaneColumns(MatrixProduct product, QuantizedLanes x)
{
    private const int Lanes = LanesCall.Lanes,
        SuperDepth = 256,
        ScalesOfSuper = 128;

    private bool IsInterleaved => product.Weight->type == ggml_type.GGML_TYPE_Q4_K;

    private int Columns => IsInterleaved ? LanesCall.ColumnsOfQ4K : LanesCall.ColumnsOfQ8;

    /// <summary>Groups; the last one of Q8_0 begins among the columns of the one before where they would not fill it.</summary>
    public int GroupCount => (product.ColumnCount + Columns - 1) / Columns;

    /// <summary>Bytes of a group.</summary>
    public long GroupBytes => Columns * (long)product.Weight->nb[1];

    /// <summary>Floats of scratch that a thread needs.</summary>
    public long ScaleCount => IsInterleaved ? product.Depth / SuperDepth * ScalesOfSuper : 0;

    /// <summary>Computes a group's sums with all rows.</summary>
    /// <param name="group">Which.</param>
    /// <param name="scales">Room of <see cref="ScaleCount"/> floats that no other thread uses.</param>
    public void Compute(int group, float* scales)
    {
        int column = Math.Min(group * Columns, product.ColumnCount - Columns);
        float* sums = stackalloc float[LanesCall.ColumnsOfQ4K * Lanes];
        var call = new LanesCall
        {
            Columns = product.Weight->data + (ulong)column * product.Weight->nb[1],
            Stride = (nint)product.Weight->nb[1],
            BlockCount = product.Depth / (IsInterleaved ? SuperDepth : RowQuantizing.Depth),
            Scales = scales,
            Sums = sums,
        };
        if (IsInterleaved)
            ColumnDots.ScalesOfInterleavedQ4K(call.Columns, (int)call.BlockCount, scales);
        delegate* unmanaged<LanesCall*, void> kernel = IsInterleaved ? LaneKernels.Q4K : LaneKernels.Q8;
        for (int first = 0; first < product.RowCount; first += Lanes)
        {
            call.Rows = x.Group(first / Lanes);
            kernel(&call);
            Store(sums, first, column);
        }
    }

    private void Store(float* sums, int firstRow, int firstColumn)
    {
        for (int lane = 0; lane < Math.Min(Lanes, product.RowCount - firstRow); lane++)
        {
            float* result = (float*)product.Result->data + (long)(firstRow + lane) * product.ColumnCount + firstColumn;
            for (int column = 0; column < Columns; column++)
                result[column] = sums[column * Lanes + lane];
        }
    }
}
