using Tessera.Compute.Kernels.Rows;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Steps;

/// <summary>What stands between the products of a language model's graph, of a few tokens.</summary>
internal static unsafe class StepOperation
{
    // More are worth ggml's threads.
    private const long MostElements = 1 << 18;

    /// <summary>Whether it is known, and small.</summary>
    public static bool IsSupported(ggml_tensor* node)
    {
        var x = (ggml_tensor*)node->src[0];
        if (x == null || x->ne[0] * x->ne[1] * x->ne[2] * x->ne[3] > MostElements)
            return false;
        return node->op switch
        {
            ggml_op.GGML_OP_ROPE => HeadRotation.IsSupported(node),
            ggml_op.GGML_OP_SET_ROWS => CacheRows.IsSupported(node),
            _ => RowOperation.IsSupported(node),
        };
    }
}
