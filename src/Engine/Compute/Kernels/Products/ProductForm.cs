using Tessera.Compute.Kernels.Code;

namespace Tessera.Compute.Kernels.Products;

/// <summary>What the rows of x become for a product.</summary>
internal enum RowForm
{
    Floats,

    /// <summary>Pairs of bfloat16.</summary>
    Halves,

    /// <summary>Blocks of bytes with a scale.</summary>
    Bytes,

    /// <summary>Blocks of bytes with a scale that is a power of two.</summary>
    PowerBytes,

    /// <summary>Blocks of words with a scale.</summary>
    Words,
}

/// <summary>How a product is computed: what its operands become, and the kernel.</summary>
/// <param name="Rows">The form of x.</param>
/// <param name="Layout">How blocks lie; null for cells.</param>
/// <param name="Kernel">The kernel in the table.</param>
internal sealed record ProductForm(RowForm Rows, BlockLayout? Layout, MachineCodeKernel Kernel)
{
    /// <summary>A form of blocks.</summary>
    public ProductForm(BlockLayout layout, MachineCodeKernel kernel)
        : this(
            layout.IsWords ? RowForm.Words
                : layout.HasPowers ? RowForm.PowerBytes
                : RowForm.Bytes,
            layout,
            kernel
        ) { }

    // Of a stretch along the depth whose packed columns stay in the inner caches.
    private const int StretchCells = 128;

    /// <summary>Elements of a stretch: whole blocks of every type.</summary>
    public int StretchDepth => Rows is RowForm.Floats ? 2 * StretchCells : StretchCells * ElementsOfCell;

    /// <summary>Elements of a step: a cell, or a block.</summary>
    public int StepDepth => Layout is null ? ElementsOfCell : RowQuantizing.Depth;

    /// <summary>Bytes of a step of 12 packed rows.</summary>
    public int RowsBytes => Layout?.RowsBytes ?? BlockLayout.RowsCell;

    /// <summary>Bytes of a step of 32 packed columns.</summary>
    public int ColumnsBytes => 2 * (Layout?.ColumnsBytes ?? BlockLayout.ColumnsCell);

    /// <summary>Steps of some elements, those of cells filled up to as many as kernels take at once.</summary>
    public int StepCount(int depth)
    {
        int steps = (depth + StepDepth - 1) / StepDepth;
        return Layout is null ? (steps + ProductCall.CellsAtOnce - 1) / ProductCall.CellsAtOnce * ProductCall.CellsAtOnce : steps;
    }

    private int ElementsOfCell =>
        Rows switch
        {
            RowForm.Floats => 1,
            RowForm.Bytes or RowForm.PowerBytes => 4,
            _ => 2,
        };
}
