using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// CogVLM's and CogVLM2's language model: LLaMA's blocks, whose products have other weights for pictures (the visual expert), while norms
/// and attention are shared. Source: THUDM/cogvlm-chat-hf and THUDM/cogvlm2-llama3-chat-19B, modeling_cogvlm.py; arXiv 2311.03079,
/// 2408.16500. Names and layout as in ggml-org/llama.cpp v0.5.0, src/models/cogvlm.cpp, which knows no grouped heads.
/// </summary>
internal sealed class CogVlmGraph : LanguageGraph
{
    // Of the authors' two classes: CogVLM's, and CogVLM2's, whose heads are grouped.
    private const float FirstBase = 10_000,
        SecondBase = 500_000;
    private readonly int headCount;
    private readonly int keyHeadCount;
    private readonly int headWidth;
    private readonly float epsilon;
    private readonly Rotation rotation;
    private readonly Tensor embeddings; // [width, tokens]
    private readonly Tensor output; // [width, tokens]
    private readonly NormWeights outputNorm;
    private readonly Block[] blocks;

    public CogVlmGraph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        TrainedLength = keys.TrainedLength;
        (headCount, headWidth, epsilon) = (keys.HeadCount, keys.HeadWidth, keys.RmsEpsilon);
        // llama.cpp's converter writes no count of key heads, whatever the weights have.
        keyHeadCount = keys.Has("attention.head_count_kv")
            ? keys.KeyHeadCount
            : Math.Max(1, (keys.RowsOf("blk.0.attn_qkv.weight") / Math.Max(1, headWidth) - headCount) / 2);
        keys.RequireMultiple("attention.head_count", headCount, "attention.head_count_kv", keyHeadCount);
        rotation = new Rotation(headWidth, keys.Number("rope.freq_base", keyHeadCount < headCount ? SecondBase : FirstBase))
        {
            IsByHalves = true,
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

    public override bool HasVisionWeights => true;

    public override IReadOnlyList<CacheWidths> Layers => CacheWidths.Same(blocks.Length, keyHeadCount, headWidth);

    public override int NodeCapacity(int viewCount) => 64 + 80 * blocks.Length;

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
            x = graph.Add(
                x,
                step.ByKind(attended, rows => block.Text.Output.Build(graph, rows), rows => block.Vision.Output.Build(graph, rows))
            );
            Tensor normed = block.FeedForwardNorm.Build(graph, x, epsilon);
            x = graph.Add(
                x,
                step.ByKind(normed, rows => FeedForward(graph, block.Text, rows), rows => FeedForward(graph, block.Vision, rows))
            );
        }

        return graph.MatMul(output, outputNorm.Build(graph, x, epsilon)); // [tokens, outputs]
    }

    // VisionExpertAttention
    private Tensor Attend(LanguageStep step, int index, Block block, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        Tensor mixed = step.ByKind(x, rows => block.Text.Mixed.Build(graph, rows), rows => block.Vision.Mixed.Build(graph, rows));
        return step.Attend(
            index,
            graph.Rotate(Heads(graph, mixed, 0, headCount), step.Positions, rotation),
            graph.Rotate(Heads(graph, mixed, headCount, keyHeadCount), step.Positions, rotation),
            graph.Contiguous(Heads(graph, mixed, headCount + keyHeadCount, keyHeadCount)),
            1 / MathF.Sqrt(headWidth)
        );
    }

    // MLP
    private static Tensor FeedForward(Compute.Graph graph, Expert expert, Tensor x) =>
        expert.Down.Build(graph, graph.SwiGlu(expert.Gate.Build(graph, x), expert.Up.Build(graph, x)));

    // Some of the heads of queries, keys and values side by side [head * all, rows]: [head, count, rows].
    private Tensor Heads(Compute.Graph graph, Tensor mixed, int first, int count)
    {
        nuint head = mixed.Stride(0) * (nuint)headWidth;
        return graph.View(mixed, (headWidth, count, mixed.Size(1), 1), (head, mixed.Stride(1), mixed.Stride(2)), head * (nuint)first);
    }

    private Block Load(WeightStore weights, string prefix, int inner)
    {
        NormWeights attentionNorm = NormWeights.Load(weights, prefix + "attn_norm", Width, isRms: true);
        Expert text = LoadExpert(weights, prefix + "attn_", prefix + "ffn_", inner);
        NormWeights feedForwardNorm = NormWeights.Load(weights, prefix + "ffn_norm", Width, isRms: true);
        return new Block(attentionNorm, feedForwardNorm, text, LoadExpert(weights, prefix + "vis_attn_", prefix + "vis_", inner));
    }

    private Expert LoadExpert(WeightStore weights, string attention, string feedForward, int inner) =>
        new(
            LinearWeights.Load(weights, attention + "qkv", Width, (headCount + 2 * keyHeadCount) * headWidth),
            LinearWeights.Load(weights, attention + "output", headCount * headWidth, Width),
            LinearWeights.Load(weights, feedForward + "gate", Width, inner),
            LinearWeights.Load(weights, feedForward + "up", Width, inner),
            LinearWeights.Load(weights, feedForward + "down", inner, Width)
        );

    private sealed record Block(NormWeights AttentionNorm, NormWeights FeedForwardNorm, Expert Text, Expert Vision);

    private sealed record Expert(LinearWeights Mixed, LinearWeights Output, LinearWeights Gate, LinearWeights Up, LinearWeights Down);
}
