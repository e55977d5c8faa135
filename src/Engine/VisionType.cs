using System.Diagnostics.CodeAnalysis;

namespace Tessera;

/// <summary>The type that the matrices of a vision tower and its connector have in memory.</summary>
public enum VisionType
{
    /// <summary>The file's own.</summary>
    File,

    /// <summary>Q8_0 in place of F16, BF16 and F32 on processors, which multiply it faster; the file's own on GPUs.</summary>
    Auto,

    /// <summary>Q8_0 in place of F16, BF16 and F32.</summary>
    [SuppressMessage("Naming", "CA1707", Justification = "ggml's name")]
    Q8_0,
}
