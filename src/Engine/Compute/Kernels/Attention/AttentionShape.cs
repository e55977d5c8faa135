using Tessera.Compute.Kernels.Products;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Attention;

/// <summary>
/// One <c>GGML_OP_FLASH_ATTN_EXT</c>: softmax(scale * k^T q + mask) v. Query [head, queries, heads, slices] in float32, key
/// [head, tokens, key heads, slices] and value [size, tokens, key heads, slices] in float32, half precision or Q8_0, mask
/// [tokens, queries, 1, slices] in half precision -> [size, heads, queries, slices]. Several heads may share a key head.
/// </summary>
internal readonly unsafe struct AttentionShape
{
    // Fewer queries fill no tile.
    private const int LeastQueries = 32;

    // Fewer keys for few queries are sooner done by ggml than handed over, and so are keys that fewer heads share: packing them for one
    // row takes longer than multiplying them (benchmarks/README.md).
    private const int LeastTokens = 256,
        LeastSharers = 4;
    private const int LargestHead = 512;

    public AttentionShape(ggml_tensor* node)
    {
        Result = node;
        Query = Source(node, 0);
        Key = Source(node, 1);
        Value = Source(node, 2);
        Mask = Source(node, 3);
        Scale = Parameter(node, 0);
    }

    public readonly ggml_tensor* Result,
        Query,
        Key,
        Value,
        Mask;
    public readonly float Scale;

    /// <summary>Whether the products must be as exact as those of single precision; else their factors may be rounded to
    /// bfloat16.</summary>
    public bool IsExact => (ggml_prec)Result->op_params[3] == ggml_prec.GGML_PREC_F32;

    public int HeadSize => (int)Query->ne[0];

    public int ValueSize => (int)Value->ne[0];

    public int QueryCount => (int)Query->ne[1];

    public int TokenCount => (int)Key->ne[1];

    public int HeadCount => (int)Query->ne[2];

    public int KeyHeadCount => (int)Key->ne[2];

    /// <summary>Heads that share a key head.</summary>
    public int HeadsPerKey => HeadCount / KeyHeadCount;

    public int SliceCount => (int)Query->ne[3];

    public int KeySliceCount => (int)Key->ne[3];

    /// <summary>Slices that share a slice of keys.</summary>
    public int SlicesPerKey => SliceCount / KeySliceCount;

    /// <summary>A query of one head.</summary>
    public float* QueryRow(int slice, int head, int query) =>
        (float*)(Query->data + (ulong)query * Query->nb[1] + (ulong)head * Query->nb[2] + (ulong)slice * Query->nb[3]);

    /// <summary>The result of one head's query.</summary>
    public float* ResultRow(int slice, int head, int query) =>
        (float*)(Result->data + (ulong)head * Result->nb[1] + (ulong)query * Result->nb[2] + (ulong)slice * Result->nb[3]);

    /// <summary>Whether there are so few queries that the heads of a key head are taken together.</summary>
    public bool HasFewQueries => QueryCount < LeastQueries;

    private bool IsWorthSharing =>
        TokenCount >= LeastTokens && HeadsPerKey * SlicesPerKey >= LeastSharers && SharedKeyAttention.Takes(this);

    // ggml sums values of half precision in half precision (0.25.1, src/ggml-cpu/ops.cpp), which thousands of rows that are all seen are
    // too many for: a picture's, of which no mask leaves a few.
    private bool NeedsWideSums => IsExact && Mask == null && Value->type == ggml_type.GGML_TYPE_F16 && TokenCount >= LeastTokens;

    /// <summary>Whether the kernel can compute a node that is a <c>GGML_OP_FLASH_ATTN_EXT</c>.</summary>
    public static bool IsSupported(ggml_tensor* node)
    {
        const int Sinks = 4,
            Bias = 1,
            Softcap = 2;
        var shape = new AttentionShape(node);
        ggml_tensor* query = shape.Query,
            key = shape.Key,
            value = shape.Value;
        return query->type == ggml_type.GGML_TYPE_F32
            && node->type == ggml_type.GGML_TYPE_F32
            && IsReadable(key)
            && IsReadable(value)
            && query->nb[0] == sizeof(float)
            && query->ne[0] <= LargestHead
            && TakesValues(value->ne[0])
            && query->ne[0] == key->ne[0]
            && value->ne[1] == key->ne[1]
            && value->ne[2] == key->ne[2]
            && value->ne[3] == key->ne[3]
            && query->ne[2] % key->ne[2] == 0
            && query->ne[3] % key->ne[3] == 0
            && HasPlainMask(shape.Mask)
            && Source(node, Sinks) == null
            && Parameter(node, Bias) == 0
            && Parameter(node, Softcap) == 0
            && (!shape.HasFewQueries || shape.IsWorthSharing || shape.NeedsWideSums);
    }

    /// <summary>Whether values are of a size that the kernel takes.</summary>
    public static bool TakesValues(long size) => size <= LargestHead && size % TileProduct.Lanes == 0;

    private static bool HasPlainMask(ggml_tensor* mask) =>
        mask == null || (mask->type == ggml_type.GGML_TYPE_F16 && mask->nb[0] == sizeof(ushort) && mask->ne[2] == 1);

    private static bool IsReadable(ggml_tensor* tensor) =>
        tensor->type switch
        {
            ggml_type.GGML_TYPE_F32 => tensor->nb[0] == sizeof(float),
            ggml_type.GGML_TYPE_F16 => tensor->nb[0] == sizeof(ushort),
            ggml_type.GGML_TYPE_Q8_0 => tensor->nb[0] == Q8Blocks.ByteLength && tensor->ne[0] % Q8Blocks.Length == 0,
            _ => false,
        };

    private static ggml_tensor* Source(ggml_tensor* node, int index) => (ggml_tensor*)node->src[index];

    private static float Parameter(ggml_tensor* node, int index) => BitConverter.Int32BitsToSingle(node->op_params[index]);
}
