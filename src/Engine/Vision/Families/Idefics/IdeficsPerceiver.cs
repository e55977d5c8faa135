using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Idefics;

/// <summary>
/// Latents that look at the features and at themselves, block after block. Source: huggingface/transformers v5.12,
/// models/idefics/perceiver.py.
/// </summary>
internal sealed class IdeficsPerceiver
{
    private const int NodesOfBlock = 64;

    // torch.nn.LayerNorm's default.
    private const float Epsilon = 1e-5f;
    private readonly IdeficsConfig config;
    private readonly Tensor latents; // [width, latents]
    private readonly NormWeights norm;
    private readonly Block[] blocks;

    public IdeficsPerceiver(IdeficsConfig config, WeightStore weights)
    {
        this.config = config;
        latents = weights.Values("perceiver.latents", config.Tower.HiddenSize, config.LatentCount);
        norm = NormWeights.Load(weights, "perceiver.norm", config.Tower.HiddenSize);
        blocks = [.. Enumerable.Range(0, config.Depth).Select(index => Load(weights, $"perceiver.blk.{index}."))];
    }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public int NodeCapacity => 16 + blocks.Length * NodesOfBlock;

    /// <summary>Features [width, tokens, slices] -> [width, latents, slices].</summary>
    public Tensor Build(Graph graph, Tensor features)
    {
        Tensor x = graph.Repeat(latents, config.Tower.HiddenSize, config.LatentCount, features.Size(2));
        foreach (Block block in blocks)
        {
            x = graph.Add(x, Attend(graph, block, features, x));
            Tensor inner = graph.Relu(block.Up.Build(graph, block.FeedForwardNorm.Build(graph, x, Epsilon)));
            x = graph.Add(x, block.Down.Build(graph, inner));
        }

        return norm.Build(graph, x, Epsilon);
    }

    private Tensor Attend(Graph graph, Block block, Tensor features, Tensor x)
    {
        Tensor own = block.LatentNorm.Build(graph, x, Epsilon);
        Tensor all = graph.Concat(block.FeatureNorm.Build(graph, features, Epsilon), own, 1); // [width, tokens + latents, slices]
        Tensor query = Normed(graph, block.QueryNorm, Attention.Heads(graph, block.Query.Build(graph, own), config.HeadCount));
        Tensor key = Normed(graph, block.KeyNorm, Attention.Heads(graph, block.Key.Build(graph, all), config.HeadCount));
        Tensor value = Attention.Heads(graph, block.Value.Build(graph, all), config.HeadCount);
        return block.Output.Build(graph, Attention.Build(graph, query, key, value));
    }

    private static Tensor Normed(Graph graph, NormWeights norm, Tensor x) => norm.Weight.IsNull ? x : norm.Build(graph, x, Epsilon);

    private Block Load(WeightStore weights, string prefix)
    {
        int width = config.Tower.HiddenSize,
            head = config.InnerWidth / config.HeadCount;
        return new Block(
            NormWeights.Load(weights, prefix + "norm_media", width),
            NormWeights.Load(weights, prefix + "norm_latents", width),
            LinearWeights.Load(weights, prefix + "q", width, config.InnerWidth),
            LinearWeights.Load(weights, prefix + "k", width, config.InnerWidth),
            LinearWeights.Load(weights, prefix + "v", width, config.InnerWidth),
            LinearWeights.Load(weights, prefix + "out", config.InnerWidth, width),
            NormWeights.Optional(weights, prefix + "q_norm", head),
            NormWeights.Optional(weights, prefix + "k_norm", head),
            NormWeights.Load(weights, prefix + "ffn_norm", width),
            LinearWeights.Load(weights, prefix + "ffn_up", width, config.FeedForward),
            LinearWeights.Load(weights, prefix + "ffn_down", config.FeedForward, width)
        );
    }

    private sealed record Block(
        NormWeights FeatureNorm,
        NormWeights LatentNorm,
        LinearWeights Query,
        LinearWeights Key,
        LinearWeights Value,
        LinearWeights Output,
        NormWeights QueryNorm,
        NormWeights KeyNorm,
        NormWeights FeedForwardNorm,
        LinearWeights Up,
        LinearWeights Down
    );
}
