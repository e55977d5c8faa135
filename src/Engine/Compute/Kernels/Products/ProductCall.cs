using System.Runtime.InteropServices;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// What a product's kernel is told: it computes sums [32 columns, 12 rows] from packed rows and columns. A cell is one float, two bfloat16
/// or words, or four bytes along the depth.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ProductCall
{
    /// <summary>Rows of a block of sums.</summary>
    public const int RowCount = 12;

    /// <summary>Columns of a block of sums.</summary>
    public const int ColumnCount = 32;

    /// <summary>Bytes of a cell.</summary>
    public const int CellBytes = 4;

    /// <summary>Cells that the kernels of cells take at a time; depths are filled up with zeros.</summary>
    public const int CellsAtOnce = 4;

    /// <summary>The packed rows.</summary>
    public byte* Rows;

    /// <summary>The packed columns.</summary>
    public byte* Columns;

    /// <summary>The first row of sums, and the bytes from a row to the next.</summary>
    public float* Sums;
    public nint SumStride;

    /// <summary>Cells, or blocks of 32 quantized elements; at least 1.</summary>
    public nint Steps;

    /// <summary>Whether to add to the sums; else they are overwritten.</summary>
    public nint AddsToSums;
}
