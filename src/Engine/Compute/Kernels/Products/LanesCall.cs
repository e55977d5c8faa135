using System.Runtime.InteropServices;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// What a kernel of eight rows, one in each lane, and columns as they lie is told. The rows come in blocks of 32 elements: four elements of
/// each row side by side, eight times, then of each row <see cref="ExcessAt"/>, <see cref="ScaleAt"/> and <see cref="SumAt"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct LanesCall
{
    /// <summary>Rows.</summary>
    public const int Lanes = 8;

    /// <summary>Bytes of a vector: a number of each row.</summary>
    public const int VectorBytes = Lanes * sizeof(float);

    /// <summary>Elements of a row that lie side by side.</summary>
    public const int Quad = 4;

    /// <summary>Vectors of elements in a block.</summary>
    public const int QuadCount = 8;

    /// <summary>Where -128 times the sums of the rows' bytes lie.</summary>
    public const int ExcessAt = QuadCount * VectorBytes;

    /// <summary>Where the rows' scales lie.</summary>
    public const int ScaleAt = ExcessAt + VectorBytes;

    /// <summary>Where the sums of the rows' elements lie, as they were before quantization.</summary>
    public const int SumAt = ScaleAt + VectorBytes;

    /// <summary>Bytes of a block.</summary>
    public const int BlockBytes = SumAt + VectorBytes;

    /// <summary>Columns of Q8_0 that are read side by side.</summary>
    public const int ColumnsOfQ8 = 4;

    /// <summary>Columns of Q4_K that ggml interleaves.</summary>
    public const int ColumnsOfQ4K = 8;

    /// <summary>The first column, or the interleaved ones.</summary>
    public byte* Columns;

    /// <summary>Bytes from a column to the next, where they are not interleaved.</summary>
    public nint Stride;

    /// <summary>Blocks of a column.</summary>
    public nint BlockCount;

    /// <summary>The rows' blocks.</summary>
    public byte* Rows;

    /// <summary>Of interleaved columns, for each 32 elements: their scales, then what is least.</summary>
    public float* Scales;

    /// <summary>Gets the sums [lanes, columns].</summary>
    public float* Sums;
}
