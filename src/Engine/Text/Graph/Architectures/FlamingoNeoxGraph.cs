using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// OpenFlamingo on GPT-NeoX (RedPajama-INCITE): rotary positions by halves, layer norms in front, biases everywhere, GELU, attention and
/// feed-forward one after the other or side by side; and in front of every n-th block a <see cref="GatedCrossing"/>. Sources:
/// huggingface/transformers v5.12, models/gpt_neox/modeling_gpt_neox.py; mlfoundations/open_flamingo, open_flamingo/src/flamingo_lm.py.
/// Names of GPT-NeoX as in ggml-org/llama.cpp v0.5.0, src/models/gptneox.cpp.
/// </summary>
internal sealed class FlamingoNeoxGraph : LanguageGraph
{
    private readonly int headCount;
    private readonly int headWidth;
    private readonly float epsilon;
    private readonly bool isParallel;
    private readonly Rotation rotation;
    private readonly Tensor embeddings; // [width, tokens]
    private readonly Tensor output; // [width, tokens]
    private readonly NormWeights outputNorm;
    private readonly Block[] blocks;
    private readonly int interval;
    private readonly GatedCrossing[] crossings; // in front of the blocks n - 1, 2 n - 1, ...

    public FlamingoNeoxGraph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        TrainedLength = keys.TrainedLength;
        (headCount, epsilon) = (keys.HeadCount, keys.LayerEpsilon);
        keys.RequireMultiple("embedding_length", Width, "attention.head_count", headCount);
        headWidth = Width / headCount;
        isParallel = keys.Flag("use_parallel_residual", true);
        rotation = new Rotation(keys.Count("rope.dimension_count", headWidth), keys.Number("rope.freq_base", 10_000), IsByHalves: true);
        LogitCount = keys.RowsOf(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight");
        embeddings = weights.Table("token_embd.weight", Width, keys.RowsOf("token_embd.weight"));
        output = weights.Matrix(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight", Width, LogitCount);
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
            Tensor attended = block.Output.Build(graph, Attend(step, index, block.AttentionNorm.Build(graph, x, epsilon)));
            if (isParallel)
            {
                x = graph.Add(graph.Add(FeedForward(graph, block, x), attended), x);
                continue;
            }

            x = graph.Add(attended, x);
            x = graph.Add(FeedForward(graph, block, x), x);
        }

        return graph.MatMul(output, outputNorm.Build(graph, step.Outputs(x), epsilon)); // [tokens, outputs]
    }

    public override (Tensor Key, Tensor Value) BuildMemory(Compute.Graph graph, Tensor memory, int layer) =>
        crossings[layer].BuildMemory(graph, memory);

    private Tensor Attend(LanguageStep step, int index, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        Tensor joined = blocks[index].QueryKeyValue.Build(graph, x); // [3 * width, rows]
        return step.Attend(
            index,
            graph.Rotate(Third(graph, joined, 0), step.Positions, rotation),
            graph.Rotate(Third(graph, joined, 1), step.Positions, rotation),
            Third(graph, joined, 2),
            1 / MathF.Sqrt(headWidth)
        );
    }

    private Tensor FeedForward(Compute.Graph graph, Block block, Tensor x) =>
        block.Down.Build(graph, graph.GeluErf(block.Up.Build(graph, block.FeedForwardNorm.Build(graph, x, epsilon))));

    // Queries, keys or values [head, heads, rows].
    private Tensor Third(Compute.Graph graph, Tensor joined, int part) =>
        Attention.Heads(
            graph,
            graph.Contiguous(
                graph.View(
                    joined,
                    (Width, joined.Size(1), 1, 1),
                    (joined.Stride(1), joined.Stride(2), joined.Stride(3)),
                    joined.Stride(0) * (nuint)(part * Width)
                )
            ),
            headCount
        );

    private Block Load(WeightStore weights, string prefix, int inner) =>
        new(
            NormWeights.Load(weights, prefix + "attn_norm", Width),
            LinearWeights.Load(weights, prefix + "attn_qkv", Width, 3 * Width),
            LinearWeights.Load(weights, prefix + "attn_output", Width, Width),
            NormWeights.Load(weights, prefix + "ffn_norm", Width),
            LinearWeights.Load(weights, prefix + "ffn_up", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_down", inner, Width)
        );

    private sealed record Block(
        NormWeights AttentionNorm,
        LinearWeights QueryKeyValue,
        LinearWeights Output,
        NormWeights FeedForwardNorm,
        LinearWeights Up,
        LinearWeights Down
    );
}
