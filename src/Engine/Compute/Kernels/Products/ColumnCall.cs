using System.Runtime.InteropServices;

namespace Tessera.Compute.Kernels.Products;

/// <summary>What a kernel of one row and columns as they lie is told.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ColumnCall
{
    /// <summary>The first column; the kernel moves it on.</summary>
    public byte* Columns;

    /// <summary>Bytes from a column to the next.</summary>
    public nint Stride;

    /// <summary>Columns, at least one; the kernel counts them down.</summary>
    public nint ColumnCount;

    /// <summary>Blocks of a column.</summary>
    public nint BlockCount;

    /// <summary>The row's elements.</summary>
    public byte* Bytes;

    /// <summary>The row's scales, one a block.</summary>
    public float* Scales;

    /// <summary>What to take away in each of a vector's lanes, one a block.</summary>
    public int* Excess;

    /// <summary>Gets a sum of each column.</summary>
    public float* Result;
}
