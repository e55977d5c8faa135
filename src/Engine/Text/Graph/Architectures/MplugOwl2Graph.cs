using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// mPLUG-Owl2's language model: LLaMA's blocks, whose norms, keys and values have other weights for pictures (modality-adaptive), while
/// queries, outputs and feed-forward are shared. Source: X-PLUG/mPLUG-Owl, mPLUG-Owl2/mplug_owl2/model/modeling_llama2.py and multiway.py;
/// arXiv 2311.04257. Names: docs/gguf.md.
/// </summary>
internal sealed class MplugOwl2Graph : LanguageGraph
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

    public MplugOwl2Graph(LanguageKeys keys, WeightStore weights)
    {
        Width = keys.Width;
        TrainedLength = keys.TrainedLength;
        (headCount, keyHeadCount, headWidth, epsilon) = (keys.HeadCount, keys.KeyHeadCount, keys.HeadWidth, keys.RmsEpsilon);
        keys.RequireMultiple("attention.head_count", headCount, "attention.head_count_kv", keyHeadCount);
        rotation = new Rotation(headWidth, keys.Number("rope.freq_base", 10_000), 1 / keys.Number("rope.scaling.factor", 1));
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
            Tensor attended = Attend(step, index, block, Norm(step, x, block.Text.AttentionNorm, block.Vision.AttentionNorm));
            if (index == blocks.Length - 1)
                (x, attended) = (step.Outputs(x), step.Outputs(attended));
            x = graph.Add(x, block.Output.Build(graph, attended));
            Tensor normed = Norm(step, x, block.Text.FeedForwardNorm, block.Vision.FeedForwardNorm);
            x = graph.Add(x, block.Down.Build(graph, graph.SwiGlu(block.Gate.Build(graph, normed), block.Up.Build(graph, normed))));
        }

        return graph.MatMul(output, outputNorm.Build(graph, x, epsilon)); // [tokens, outputs]
    }

    private Tensor Attend(LanguageStep step, int index, Block block, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        Tensor key = Project(step, x, block.Text.Key, block.Vision.Key);
        return step.Attend(
            index,
            graph.Rotate(Attention.Heads(graph, block.Query.Build(graph, x), headCount), step.Positions, rotation),
            graph.Rotate(Attention.Heads(graph, key, keyHeadCount), step.Positions, rotation),
            Attention.Heads(graph, Project(step, x, block.Text.Value, block.Vision.Value), keyHeadCount),
            1 / MathF.Sqrt(headWidth)
        );
    }

    // MultiwayNetwork
    private Tensor Norm(LanguageStep step, Tensor x, NormWeights text, NormWeights vision) =>
        step.ByKind(x, rows => text.Build(step.Graph, rows, epsilon), rows => vision.Build(step.Graph, rows, epsilon));

    private static Tensor Project(LanguageStep step, Tensor x, LinearWeights text, LinearWeights vision) =>
        step.ByKind(x, rows => text.Build(step.Graph, rows), rows => vision.Build(step.Graph, rows));

    private Block Load(WeightStore weights, string prefix, int inner) =>
        new(
            LoadModality(weights, prefix),
            LoadModality(weights, prefix + "vis_"),
            LinearWeights.Load(weights, prefix + "attn_q", Width, headCount * headWidth),
            LinearWeights.Load(weights, prefix + "attn_output", headCount * headWidth, Width),
            LinearWeights.Load(weights, prefix + "ffn_gate", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_up", Width, inner),
            LinearWeights.Load(weights, prefix + "ffn_down", inner, Width)
        );

    private Modality LoadModality(WeightStore weights, string prefix) =>
        new(
            NormWeights.Load(weights, prefix + "attn_norm", Width, isRms: true),
            LinearWeights.Load(weights, prefix + "attn_k", Width, keyHeadCount * headWidth),
            LinearWeights.Load(weights, prefix + "attn_v", Width, keyHeadCount * headWidth),
            NormWeights.Load(weights, prefix + "ffn_norm", Width, isRms: true)
        );

    private sealed record Block(
        Modality Text,
        Modality Vision,
        LinearWeights Query,
        LinearWeights Output,
        LinearWeights Gate,
        LinearWeights Up,
        LinearWeights Down
    );

    private sealed record Modality(NormWeights AttentionNorm, LinearWeights Key, LinearWeights Value, NormWeights FeedForwardNorm);
}
