using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// OpenFlamingo on MPT: MPT's blocks (ALiBi, layer norms in front, no biases, GELU, a head that is the embedding table; in the 1B norms of
/// queries and keys over their whole width), and in front of every n-th one a <see cref="GatedCrossing"/>. Sources:
/// huggingface/transformers v5.12, models/mpt/modeling_mpt.py; mosaicml/mpt-1b-redpajama-200b, attention.py; mlfoundations/open_flamingo,
/// open_flamingo/src/flamingo_lm.py. Names of MPT as in ggml-org/llama.cpp v0.5.0, src/models/mpt.cpp.
/// </summary>
internal sealed class FlamingoMptGraph : LanguageGraph
{
    private readonly int headCount;
    private readonly int headWidth;
    private readonly float epsilon;
    private readonly float largestBias;
    private readonly Tensor embeddings; // [width, tokens]
    private readonly Tensor output; // [width, tokens]
    private readonly NormWeights outputNorm;
    private readonly Block[] blocks;
    private readonly int interval;
    private readonly GatedCrossing[] crossings; // in front of the blocks n - 1, 2 n - 1, ...

    public FlamingoMptGraph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        TrainedLength = keys.TrainedLength;
        (headCount, epsilon) = (keys.HeadCount, keys.LayerEpsilon);
        keys.RequireMultiple("embedding_length", Width, "attention.head_count", headCount);
        headWidth = Width / headCount;
        largestBias = keys.Number("attention.max_alibi_bias", 0);
        string head = keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight";
        LogitCount = keys.RowsOf(head);
        embeddings = weights.Table("token_embd.weight", Width, keys.RowsOf("token_embd.weight"));
        output = weights.Matrix(head, Width, LogitCount);
        outputNorm = NormWeights.Load(weights, "output_norm", Width);
        int count = keys.BlockCount,
            inner = keys.FeedForwardWidth;
        blocks = [.. Enumerable.Range(0, count).Select(index => Load(weights, $"blk.{index}.", inner))];
        interval = keys.Count("cross_attention.interval", 512);
        Memory = GatedCrossing.Rule(keys);
        crossings =
        [
            .. Enumerable
                .Range(0, count)
                .Where(index => (index + 1) % interval == 0)
                .Select(index => new GatedCrossing(keys, weights, $"blk.{index}.xattn_", Width, Memory.Width)),
        ];
        MemoryLayers = GatedCrossing.Widths(keys, crossings.Length);
    }

    public override int Width { get; }

    public override int LogitCount { get; }

    public override int TrainedLength { get; }

    public override IReadOnlyList<CacheWidths> Layers => CacheWidths.Same(blocks.Length, headCount, headWidth);

    public override MemoryRule Memory { get; }

    public override IReadOnlyList<CacheWidths> MemoryLayers { get; }

    public override int NodeCapacity(int viewCount) =>
        64 + 64 * blocks.Length + crossings.Length * (GatedCrossing.NodeCapacity + viewCount * 16);

    public override Tensor Build(LanguageStep step)
    {
        Compute.Graph graph = step.Graph;
        Tensor x = step.Rows(embeddings); // [width, rows]
        for (int index = 0; index < blocks.Length; index++)
        {
            if ((index + 1) % interval == 0)
                x = crossings[index / interval].Build(step, index / interval, x);
            Block block = blocks[index];
            x = graph.Add(x, block.Output.Build(graph, Attend(step, index, block.AttentionNorm.Build(graph, x, epsilon))));
            Tensor inner = graph.GeluErf(block.Up.Build(graph, block.FeedForwardNorm.Build(graph, x, epsilon)));
            x = graph.Add(x, block.Down.Build(graph, inner));
        }

        return graph.MatMul(output, outputNorm.Build(graph, step.Outputs(x), epsilon)); // [tokens, outputs]
    }

    public override (Tensor Key, Tensor Value) BuildMemory(Compute.Graph graph, Tensor memory, int layer) =>
        crossings[layer].BuildMemory(graph, memory);

    private Tensor Attend(LanguageStep step, int index, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        Block block = blocks[index];
        Tensor joined = block.QueryKeyValue.Build(graph, x); // [3 * width, rows]
        Tensor query = Normed(graph, block.QueryNorm, Third(graph, joined, 0)),
            key = Normed(graph, block.KeyNorm, Third(graph, joined, 1));
        return step.Attend(
            index,
            Attention.Heads(graph, query, headCount),
            Attention.Heads(graph, key, headCount),
            Attention.Heads(graph, Third(graph, joined, 2), headCount),
            1 / MathF.Sqrt(headWidth),
            largestBias
        );
    }

    // Queries, keys or values of all heads [width, rows].
    private Tensor Third(Compute.Graph graph, Tensor joined, int part) =>
        graph.Contiguous(
            graph.View(
                joined,
                (Width, joined.Size(1), 1, 1),
                (joined.Stride(1), joined.Stride(2), joined.Stride(3)),
                joined.Stride(0) * (nuint)(part * Width)
            )
        );

    private Tensor Normed(Compute.Graph graph, NormWeights norm, Tensor x) => norm.Weight.IsNull ? x : norm.Build(graph, x, epsilon);

    private Block Load(WeightStore weights, string prefix, int inner) =>
        new(
            NormWeights.Load(weights, prefix + "attn_norm", Width),
            LinearWeights.Load(weights, prefix + "attn_qkv", Width, 3 * Width),
            NormWeights.Optional(weights, prefix + "attn_q_norm", Width),
            NormWeights.Optional(weights, prefix + "attn_k_norm", Width),
            LinearWeights.Load(weights, prefix + "attn_output", Width, Width),
            NormWeights.Load(weights, prefix + "ffn_norm", Width),
            LinearWeights.Load(weights, prefix + "ffn_up", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_down", inner, Width)
        );

    private sealed record Block(
        NormWeights AttentionNorm,
        LinearWeights QueryKeyValue,
        NormWeights QueryNorm,
        NormWeights KeyNorm,
        LinearWeights Output,
        NormWeights FeedForwardNorm,
        LinearWeights Up,
        LinearWeights Down
    );
}
