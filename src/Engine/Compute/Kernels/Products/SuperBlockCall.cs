using System.Runtime.InteropServices;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// What a kernel of one row and columns in blocks of 256 elements is told. The row comes in pairs of blocks of 32: its bytes, and what
/// belongs to them in each lane, <see cref="ScaleAt"/>, <see cref="SumAt"/> and <see cref="ExcessAt"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SuperBlockCall
{
    /// <summary>Elements of a column's block.</summary>
    public const int Depth = 256;

    /// <summary>Pairs of the row's blocks in one of a column.</summary>
    public const int PairCount = Depth / PairDepth;

    /// <summary>Elements of a pair.</summary>
    public const int PairDepth = 64;

    /// <summary>Bytes of eight lanes.</summary>
    public const int VectorBytes = 32;

    /// <summary>Where the scales of a pair lie, the first block's eight times, then the second's.</summary>
    public const int ScaleAt = PairDepth;

    /// <summary>Where the sums of the blocks' elements lie, likewise.</summary>
    public const int SumAt = ScaleAt + 2 * VectorBytes;

    /// <summary>Where it lies what four elements have too much if the weight's count from -32, an integer in each lane: an eighth of the
    /// sum of 16 bytes, 32 times.</summary>
    public const int ExcessAt = SumAt + 2 * VectorBytes;

    /// <summary>Bytes of a pair.</summary>
    public const int PairBytes = ExcessAt + 2 * VectorBytes;

    /// <summary>Bytes of eight interleaved blocks of Q4_K.</summary>
    public const int BytesOfQ4K = 8 * 144;

    /// <summary>Where in them the packed scales and least values begin, and the elements.</summary>
    public const int ScalesOfQ4K = 32,
        NibblesOfQ4K = 128;

    /// <summary>Columns of Q4_K that ggml interleaves.</summary>
    public const int ColumnsOfQ4K = 8;

    /// <summary>Bytes of a block of Q6_K: the lower bits, then the upper ones, the scales and theirs.</summary>
    public const int BytesOfQ6K = 210,
        UpperOfQ6K = 128,
        ScalesOfQ6K = 192,
        ScaleOfQ6K = 208;

    /// <summary>The first column, or interleaved ones; the kernel moves it on.</summary>
    public byte* Columns;

    /// <summary>Bytes to the next.</summary>
    public nint Stride;

    /// <summary>How many there are, at least one; the kernel counts them down.</summary>
    public nint Count;

    /// <summary>Blocks of a column.</summary>
    public nint BlockCount;

    /// <summary>The row's pairs.</summary>
    public byte* Row;

    /// <summary>Gets a sum of each column.</summary>
    public float* Result;

    /// <summary>Room for a vector of the kernel's.</summary>
    public fixed byte Aside[VectorBytes];
}
