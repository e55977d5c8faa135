using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Rows;

/// <summary>VectorActivations of 16 numbers at a time, in single precision; ggml's come from tables in half precision.</summary>
internal static class VectorActivations
{
    /// <summary>One of GELU, its approximations and SiLU. Source: D. Hendrycks, K. Gimpel, Gaussian Error Linear Units, arXiv
    /// 1606.08415.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Compute(ggml_unary_op operation, Vector512<float> x) =>
        operation switch
        {
            ggml_unary_op.GGML_UNARY_OP_SILU => x * Sigmoid(x),
            ggml_unary_op.GGML_UNARY_OP_GELU_QUICK => x * Sigmoid(x * 1.702f),
            // (1 + tanh u) / 2 is the sigmoid of 2 u.
            ggml_unary_op.GGML_UNARY_OP_GELU => x * Sigmoid(1.5957691216057308f * x * (Vector512<float>.One + 0.044715f * x * x)),
            _ => 0.5f * x * (Vector512<float>.One + Erf(x * 0.70710678118654752f)),
        };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Sigmoid(Vector512<float> x)
    {
        Vector512<float> e = VectorMath.Exp(-Vector512.Abs(x));
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), e, Vector512<float>.One)
            / (Vector512<float>.One + e);
    }

    // Within 1.5e-7. Source: M. Abramowitz, I. Stegun, Handbook of Mathematical Functions, 7.1.26.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Erf(Vector512<float> x)
    {
        Vector512<float> size = Vector512.Abs(x),
            t = Vector512<float>.One / (Vector512<float>.One + 0.3275911f * size);
        Vector512<float> p = Vector512.FusedMultiplyAdd(t, Vector512.Create(1.061405429f), Vector512.Create(-1.453152027f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(1.421413741f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(-0.284496736f));
        p = Vector512.FusedMultiplyAdd(p, t, Vector512.Create(0.254829592f)) * t;
        Vector512<float> result = Vector512<float>.One - p * VectorMath.Exp(-size * size);
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), -result, result);
    }
}
