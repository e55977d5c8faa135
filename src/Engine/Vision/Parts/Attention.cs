using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>
/// Scaled dot-product attention without a mask, as one fused operation that never holds all scores (Dao et al., arXiv 2205.14135).
/// </summary>
internal static class Attention
{
    // ggml's tiled kernel takes values whose length is a multiple of the widest vector, 16 floats; others go a slower way
    // (ggml 0.25.1, src/ggml-cpu/ops.cpp, ggml_compute_forward_flash_attn_ext_f16).
    private const int ValueAlignment = 16;

    /// <summary>Queries [head, heads, queries, slices], keys and values [head, heads, tokens, slices] -> [head * heads, queries,
    /// slices].</summary>
    /// <remarks>The three may be views; only their fastest dimension must be dense.</remarks>
    public static Tensor Build(Graph graph, Tensor query, Tensor key, Tensor value)
    {
        long headSize = query.Size(0),
            headCount = query.Size(1);
        long padding = graph.IsOnProcessor ? (ValueAlignment - headSize % ValueAlignment) % ValueAlignment : 0;
        if (padding > 0)
            value = graph.PadRows(value, (int)padding);
        Tensor mixed = graph.FlashAttention(
            graph.Permute(query, 0, 2, 1, 3),
            Stored(graph, key),
            Stored(graph, value),
            1 / MathF.Sqrt(headSize)
        );
        if (padding > 0) // [head + padding, heads, queries, slices]
            mixed = graph.Contiguous(
                graph.View(
                    mixed,
                    (headSize, headCount, query.Size(2), query.Size(3)),
                    (mixed.Stride(1), mixed.Stride(2), mixed.Stride(3)),
                    0
                )
            );
        return graph.Reshape(mixed, headSize * headCount, query.Size(2), query.Size(3));
    }

    /// <summary>[head * heads, tokens, slices] -> [head, heads, tokens, slices].</summary>
    public static Tensor Heads(Graph graph, Tensor x, int headCount) =>
        graph.Reshape(x, x.Size(0) / headCount, headCount, x.Size(1), x.Size(2));

    // [head, tokens, heads, slices], each head's rows side by side, as they are read once for every 64 queries. GPU kernels take half
    // precision only.
    private static Tensor Stored(Graph graph, Tensor x)
    {
        Tensor permuted = graph.Permute(x, 0, 2, 1, 3);
        return graph.IsOnProcessor ? graph.Contiguous(permuted) : graph.ToHalf(permuted);
    }
}
