using System.Diagnostics.CodeAnalysis;

namespace Tessera.Gguf;

/// <summary>How a tensor's elements are stored; the numbers are those of <c>ggml_type</c> (ggml 0.25.1, ggml.h).</summary>
[SuppressMessage("Naming", "CA1707:Identifiers should not contain underscores", Justification = "The names are ggml's.")]
public enum GgufTensorType
{
    /// <summary>IEEE single precision.</summary>
    F32 = 0,

    /// <summary>IEEE half precision.</summary>
    F16 = 1,

    /// <summary>4 bits, a scale per block.</summary>
    Q4_0 = 2,

    /// <summary>4 bits, a scale and a minimum per block.</summary>
    Q4_1 = 3,

    /// <summary>5 bits, a scale per block.</summary>
    Q5_0 = 6,

    /// <summary>5 bits, a scale and a minimum per block.</summary>
    Q5_1 = 7,

    /// <summary>8 bits, a scale per block.</summary>
    Q8_0 = 8,

    /// <summary>8 bits, a scale and a sum per block; for activations.</summary>
    Q8_1 = 9,

    /// <summary>2 bits, scales and minima per 16.</summary>
    Q2_K = 10,

    /// <summary>3 bits, scales per 16.</summary>
    Q3_K = 11,

    /// <summary>4 bits, scales and minima per 32.</summary>
    Q4_K = 12,

    /// <summary>5 bits, scales and minima per 32.</summary>
    Q5_K = 13,

    /// <summary>6 bits, scales per 16.</summary>
    Q6_K = 14,

    /// <summary>8 bits with sums; for activations.</summary>
    Q8_K = 15,

    /// <summary>2.06 bits, from a codebook.</summary>
    IQ2_XXS = 16,

    /// <summary>2.31 bits, from a codebook.</summary>
    IQ2_XS = 17,

    /// <summary>3.06 bits, from a codebook.</summary>
    IQ3_XXS = 18,

    /// <summary>1.56 bits, from a codebook.</summary>
    IQ1_S = 19,

    /// <summary>4 bits, non-linear levels.</summary>
    IQ4_NL = 20,

    /// <summary>3.44 bits, from a codebook.</summary>
    IQ3_S = 21,

    /// <summary>2.56 bits, from a codebook.</summary>
    IQ2_S = 22,

    /// <summary>4.25 bits, non-linear levels.</summary>
    IQ4_XS = 23,

    /// <summary>Signed integer, 8 bits.</summary>
    I8 = 24,

    /// <summary>Signed integer, 16 bits.</summary>
    I16 = 25,

    /// <summary>Signed integer, 32 bits.</summary>
    I32 = 26,

    /// <summary>Signed integer, 64 bits.</summary>
    I64 = 27,

    /// <summary>IEEE double precision.</summary>
    F64 = 28,

    /// <summary>1.75 bits, from a codebook.</summary>
    IQ1_M = 29,

    /// <summary>The upper half of an IEEE single.</summary>
    BF16 = 30,

    /// <summary>Ternary, 1.69 bits.</summary>
    TQ1_0 = 34,

    /// <summary>Ternary, 2.06 bits.</summary>
    TQ2_0 = 35,

    /// <summary>4-bit floats, a power-of-two scale per block.</summary>
    MXFP4 = 39,

    /// <summary>4-bit floats, an 8-bit float scale per 16.</summary>
    NVFP4 = 40,

    /// <summary>1 bit, a scale per block.</summary>
    Q1_0 = 41,

    /// <summary>2 bits, a scale per block.</summary>
    Q2_0 = 42,
}
