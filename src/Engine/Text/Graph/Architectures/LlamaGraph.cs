using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// LLaMA 1 to 3: RMS norms, rotary positions, grouped heads, SwiGLU. Source: huggingface/transformers v5.12,
/// models/llama/modeling_llama.py; names, and queries and keys whose rotated values are neighbours, as in ggml-org/llama.cpp v0.5.0,
/// src/models/llama.cpp.
/// </summary>
internal sealed class LlamaGraph : LanguageGraph
{
    private readonly int headCount;
    private readonly int keyHeadCount;
    private readonly int headWidth;
    private readonly float epsilon;
    private readonly Rotation rotation;
    private readonly Tensor embeddings; // [width, tokens]
    private readonly Tensor output; // [width, tokens]
    private readonly NormWeights outputNorm;
    private readonly Block[] blocks;

    public LlamaGraph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        TrainedLength = keys.TrainedLength;
        (headCount, keyHeadCount, headWidth, epsilon) = (keys.HeadCount, keys.KeyHeadCount, keys.HeadWidth, keys.RmsEpsilon);
        keys.RequireMultiple("attention.head_count", headCount, "attention.head_count_kv", keyHeadCount);
        int rotated = keys.Has("rope.dimension_count") ? keys.Count("rope.dimension_count", headWidth) : headWidth;
        rotation = new Rotation(rotated, keys.Number("rope.freq_base", 10_000), 1 / keys.Number("rope.scaling.factor", 1))
        {
            Factors = weights.OptionalValues("rope_freqs.weight", rotated / 2),
        };
        LogitCount = keys.RowsOf(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight");
        embeddings = weights.Table("token_embd.weight", Width, keys.RowsOf("token_embd.weight"));
        output = weights.Matrix(keys.HasTensor("output.weight") ? "output.weight" : "token_embd.weight", Width, LogitCount);
        outputNorm = NormWeights.Load(weights, "output_norm", Width, isRms: true);
        blocks = [.. Enumerable.Range(0, keys.BlockCount).Select(index => Load(weights, $"blk.{index}.", keys.FeedForwardWidth))];
    }

    public override int Width { get; }

    public override int LogitCount { get; }

    public override int TrainedLength { get; }

    public override IReadOnlyList<CacheWidths> Layers => CacheWidths.Same(blocks.Length, keyHeadCount, headWidth);

    public override int NodeCapacity(int viewCount) => 64 + 48 * blocks.Length;

    public override Tensor Build(LanguageStep step)
    {
        Compute.Graph graph = step.Graph;
        Tensor x = step.Rows(embeddings); // [width, rows]
        for (int index = 0; index < blocks.Length; index++)
        {
            Block block = blocks[index];
            Tensor attended = Attend(step, index, block, block.AttentionNorm.Build(graph, x, epsilon));
            if (index == blocks.Length - 1)
                (x, attended) = (step.Outputs(x), step.Outputs(attended));
            x = graph.Add(x, block.Output.Build(graph, attended));
            Tensor normed = block.FeedForwardNorm.Build(graph, x, epsilon);
            x = graph.Add(x, block.Down.Build(graph, graph.SwiGlu(block.Gate.Build(graph, normed), block.Up.Build(graph, normed))));
        }

        return graph.MatMul(output, outputNorm.Build(graph, x, epsilon)); // [tokens, outputs]
    }

    private Tensor Attend(LanguageStep step, int index, Block block, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        Tensor query = graph.Rotate(Attention.Heads(graph, block.Query.Build(graph, x), headCount), step.Positions, rotation);
        Tensor key = graph.Rotate(Attention.Heads(graph, block.Key.Build(graph, x), keyHeadCount), step.Positions, rotation);
        Tensor value = Attention.Heads(graph, block.Value.Build(graph, x), keyHeadCount);
        return step.Attend(index, query, key, value, 1 / MathF.Sqrt(headWidth));
    }

    private Block Load(WeightStore weights, string prefix, int inner) =>
        new(
            NormWeights.Load(weights, prefix + "attn_norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "attn_q", Width, headCount * headWidth),
            LinearWeights.Load(weights, prefix + "attn_k", Width, keyHeadCount * headWidth),
            LinearWeights.Load(weights, prefix + "attn_v", Width, keyHeadCount * headWidth),
            LinearWeights.Load(weights, prefix + "attn_output", headCount * headWidth, Width),
            NormWeights.Load(weights, prefix + "ffn_norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "ffn_gate", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_up", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_down", inner, Width)
        );

    private sealed record Block(
        NormWeights AttentionNorm,
        LinearWeights Query,
        LinearWeights Key,
        LinearWeights Value,
        LinearWeights Output,
        NormWeights FeedForwardNorm,
        LinearWeights Gate,
        LinearWeights Up,
        LinearWeights Down
    );
}
