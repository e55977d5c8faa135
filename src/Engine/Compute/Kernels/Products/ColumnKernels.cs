using Tessera.Compute.Kernels.Code;

namespace Tessera.Compute.Kernels.Products;

/// <summary>The machine code for a row and columns of Q8_0, where there is some that computes what <see cref="ColumnDots"/> does.</summary>
internal static unsafe class ColumnKernels
{
    private static readonly delegate* unmanaged<ColumnCall*, void> Q8 = (delegate* unmanaged<ColumnCall*, void>)
        VectorCode.FirstOf(
            MachineCodeKernel.ColumnsWide,
            MachineCodeKernel.ColumnsNarrow,
            static entry => Passes((delegate* unmanaged<ColumnCall*, void>)entry)
        );

    /// <summary>Whether there is.</summary>
    public static bool HasQ8 => Q8 != null;

    /// <summary>Products of a row with columns.</summary>
    /// <param name="columns">The first column.</param>
    /// <param name="stride">Bytes from a column to the next.</param>
    /// <param name="count">Columns, at least one.</param>
    /// <param name="blocks">Blocks of a column.</param>
    /// <param name="x">The rows.</param>
    /// <param name="row">Which of them.</param>
    /// <param name="result">Gets a sum of each column.</param>
    public static void OfQ8(byte* columns, nint stride, int count, int blocks, QuantizedRows x, int row, float* result) =>
        Call(Q8, columns, stride, count, blocks, x, row, result);

    private static void Call(
        delegate* unmanaged<ColumnCall*, void> kernel,
        byte* columns,
        nint stride,
        int count,
        int blocks,
        QuantizedRows x,
        int row,
        float* result
    )
    {
        var call = new ColumnCall
        {
            Columns = columns,
            Stride = stride,
            ColumnCount = count,
            BlockCount = blocks,
            Bytes = x.Bytes(row),
            Scales = x.Scales(row),
            Excess = x.Excess(row),
            Result = result,
        };
        kernel(&call);
    }

    // Small integers and scales that are powers of two, so that every sum is exact; an odd and an even number of blocks.
    private static bool Passes(delegate* unmanaged<ColumnCall*, void> kernel)
    {
        const int Columns = 2,
            MostBlocks = 6;
        using var memory = new ScratchMemory();
        var values = stackalloc float[MostBlocks * RowQuantizing.Depth];
        byte* columns = stackalloc byte[Columns * MostBlocks * Q8Blocks.ByteLength];
        float* sums = stackalloc float[Columns];
        for (int index = 0; index < MostBlocks * RowQuantizing.Depth; index++)
            values[index] = index % RowQuantizing.Depth == 0 ? 127 : index * 7 % 255 - 127;
        for (int index = 0; index < Columns * MostBlocks * Q8Blocks.ByteLength; index++)
            columns[index] = (byte)(index * 11);
        for (int block = 0; block < Columns * MostBlocks; block++)
            *(Half*)(columns + block * Q8Blocks.ByteLength) = (Half)(block % 3 == 0 ? -0.5f : 2);
        foreach (int blocks in (ReadOnlySpan<int>)[MostBlocks, MostBlocks - 1, 1])
        {
            int depth = blocks * RowQuantizing.Depth,
                stride = blocks * Q8Blocks.ByteLength;
            var x = new QuantizedRows(memory.Reserve(QuantizedRows.Length(depth)), depth);
            x.Fill(0, values);
            Call(kernel, columns, stride, Columns, blocks, x, 0, sums);
            for (int column = 0; column < Columns; column++)
            {
                if (sums[column] != ColumnDots.OfQ8(columns + column * stride, blocks, x.Bytes(0), x.Scales(0)))
                    return false;
            }
        }

        return true;
    }
}
