using System.Diagnostics.CodeAnalysis;

namespace Tessera;

/// <summary>The type that the matrices of a vision tower and its connector have in memory, and how exactly they are multiplied.</summary>
public enum VisionType
{
    /// <summary>The file's own. Where none is quantized, Tessera's kernels multiply as exactly as single precision does.</summary>
    File,

    /// <summary>
    /// What is fastest at a mean cosine of at least 0.999 to float32: on processors with matrix units (AMX) the file's own, multiplied in
    /// bfloat16; on others Q8_0 in place of F16, BF16 and F32; the file's own on GPUs.
    /// </summary>
    Auto,

    /// <summary>Q8_0 in place of F16, BF16 and F32.</summary>
    [SuppressMessage("Naming", "CA1707", Justification = "ggml's name")]
    Q8_0,
}
