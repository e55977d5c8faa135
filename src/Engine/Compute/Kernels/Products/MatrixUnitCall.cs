using System.Runtime.InteropServices;

namespace Tessera.Compute.Kernels.Products;

/// <summary>One step of the matrix unit: addresses, and lengths in bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MatrixUnitCall
{
    /// <summary>Tiles of the first 16 rows and of the next 16.</summary>
    public byte* A0,
        A1;

    /// <summary>Tiles of the first 16 columns; <see cref="B1"/> has the next 16.</summary>
    public byte* B0;

    /// <summary>The sums' first of 32 rows, of 32 floats each, and the distance between rows.</summary>
    public float* Sums;
    public nint SumStride;

    /// <summary>Tiles, each 32 elements deep; at least 1.</summary>
    public nint TileCount;

    /// <summary>Whether to add to the sums; else they are overwritten.</summary>
    public nint AddsToSums;

    public byte* B1;
}
