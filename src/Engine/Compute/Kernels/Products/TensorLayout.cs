using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>How tensors lie in memory.</summary>
internal static unsafe class TensorLayout
{
    private const int MaxDimensions = 4;

    /// <summary>Whether a tensor is float32 without gaps.</summary>
    public static bool IsContiguous(ggml_tensor* tensor)
    {
        ulong length = sizeof(float);
        for (int dimension = 0; dimension < MaxDimensions; length *= (ulong)tensor->ne[dimension++])
        {
            if (tensor->nb[dimension] != length)
                return false;
        }

        return tensor->type == ggml_type.GGML_TYPE_F32;
    }

    /// <summary>Whether two tensors have the same sizes.</summary>
    public static bool HasShapeOf(ggml_tensor* a, ggml_tensor* b) =>
        a->ne[0] == b->ne[0] && a->ne[1] == b->ne[1] && a->ne[2] == b->ne[2] && a->ne[3] == b->ne[3];
}
