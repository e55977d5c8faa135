using System.Runtime.InteropServices;

namespace Tessera.Compute.Kernels.Code;

/// <summary>What the kernel that widens halves is told.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HalvesCall
{
    /// <summary>Halves that it takes at a time.</summary>
    public const int AtOnce = 16;

    /// <summary>The halves.</summary>
    public ushort* Source;

    /// <summary>Gets them in single precision.</summary>
    public float* Target;

    /// <summary>How many in a row: a multiple of 16, at least one.</summary>
    public nint Count;

    /// <summary>Rows, at least one; the target's lie one behind the other.</summary>
    public nint Rows;

    /// <summary>Bytes from a row of halves to the next.</summary>
    public nint Stride;
}
