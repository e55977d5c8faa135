using Tessera.Native;

namespace Tessera.Compute.Kernels.Steps;

/// <summary>
/// One <c>GGML_OP_SET_ROWS</c>: the keys or values of a few tokens written into the cache. Rows [width, tokens] in float32, indices
/// [tokens] -> rows of the cache in half precision, float32 or Q8_0.
/// </summary>
internal readonly unsafe struct CacheRows(ggml_tensor* node)
{
    private ggml_tensor* Rows => (ggml_tensor*)node->src[0];

    private ggml_tensor* Indices => (ggml_tensor*)node->src[1];

    /// <summary>Whether it can be computed here.</summary>
    public static bool IsSupported(ggml_tensor* node)
    {
        var own = new CacheRows(node);
        return own.Rows->type == ggml_type.GGML_TYPE_F32
            && own.Rows->nb[0] == sizeof(float)
            && own.Indices->type == ggml_type.GGML_TYPE_I64
            && own.Indices->nb[0] == sizeof(long)
            && own.Rows->ne[2] == 1
            && own.Rows->ne[3] == 1
            && node->type switch
            {
                ggml_type.GGML_TYPE_F32 => node->nb[0] == sizeof(float),
                ggml_type.GGML_TYPE_F16 => node->nb[0] == sizeof(ushort),
                ggml_type.GGML_TYPE_Q8_0 => node->nb[0] == Q8Blocks.ByteLength && node->ne[0] % Q8Blocks.Length == 0,
                _ => false,
            };
    }

    /// <summary>Writes all rows.</summary>
    public void Compute()
    {
        var indices = (long*)Indices->data;
        int width = (int)node->ne[0];
        for (int row = 0; row < Rows->ne[1]; row++)
        {
            var from = new ReadOnlySpan<float>(Rows->data + (ulong)row * Rows->nb[1], width);
            byte* to = node->data + (ulong)indices[row] * node->nb[1];
            switch (node->type)
            {
                case ggml_type.GGML_TYPE_F32:
                    from.CopyTo(new Span<float>(to, width));
                    break;
                case ggml_type.GGML_TYPE_F16:
                    for (int index = 0; index < width; index++)
                        ((Half*)to)[index] = (Half)from[index];
                    break;
                default:
                    Q8Blocks.Quantize(from, new Span<byte>(to, width / Q8Blocks.Length * Q8Blocks.ByteLength));
                    break;
            }
        }
    }
}
