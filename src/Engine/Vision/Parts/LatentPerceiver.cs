using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>
/// Flamingo's resampler: latents that look at the features and at themselves, block after block. Sources: huggingface/transformers v5.12,
/// models/idefics/perceiver.py; mlfoundations/open_flamingo, open_flamingo/src/helpers.py, PerceiverResampler.
/// </summary>
internal sealed class LatentPerceiver
{
    private const int NodesOfBlock = 64;

    // torch.nn.LayerNorm's default.
    private const float Epsilon = 1e-5f;
    private readonly LatentPerceiverConfig config;
    private readonly Tensor latents; // [width, latents]
    private readonly NormWeights norm;
    private readonly Block[] blocks;

    public LatentPerceiver(LatentPerceiverConfig config, WeightStore weights)
    {
        this.config = config;
        latents = weights.Values("perceiver.latents", config.Width, config.LatentCount);
        norm = NormWeights.Load(weights, "perceiver.norm", config.Width);
        blocks = [.. Enumerable.Range(0, config.Depth).Select(index => Load(weights, $"perceiver.blk.{index}."))];
    }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public int NodeCapacity => 16 + blocks.Length * NodesOfBlock;

    /// <summary>Features [width, tokens, slices] -> [width, latents, slices].</summary>
    public Tensor Build(Graph graph, Tensor features)
    {
        Tensor x = graph.Repeat(latents, config.Width, config.LatentCount, features.Size(2));
        foreach (Block block in blocks)
        {
            x = graph.Add(x, Attend(graph, block, features, x));
            Tensor inner = block.Up.Build(graph, block.FeedForwardNorm.Build(graph, x, Epsilon));
            inner = config.UsesRelu ? graph.Relu(inner) : graph.GeluErf(inner);
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
        int width = config.Width,
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

/// <summary>The dimensions of a resampler, most of which its tensors tell.</summary>
/// <param name="Width">Width of features and latents.</param>
/// <param name="LatentCount">Rows that a picture becomes.</param>
/// <param name="Depth">Blocks.</param>
/// <param name="HeadCount">Heads of the attention.</param>
/// <param name="InnerWidth">Width of them all.</param>
/// <param name="FeedForward">Width inside the feed-forward networks.</param>
/// <param name="UsesRelu">Whether their activation is ReLU; else GELU.</param>
internal sealed record LatentPerceiverConfig(
    int Width,
    int LatentCount,
    int Depth,
    int HeadCount,
    int InnerWidth,
    int FeedForward,
    bool UsesRelu
)
{
    private const string HeadCountKey = "clip.perceiver.attention.head_count";
    private const int MaxCount = 1 << 16,
        MaxDepth = 64;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static LatentPerceiverConfig Read(GgufFile file, int width, bool usesRelu)
    {
        int depth = 0;
        while (depth < MaxDepth && file.TryGetTensor($"perceiver.blk.{depth}.q.weight", out _))
            depth++;
        if (depth == 0)
            throw Missing(file, "perceiver.blk.0.q.weight");
        int latentCount = Rows(file, "perceiver.latents"),
            headCount = (int)Math.Min(file.Metadata.RequireUInt32(HeadCountKey), MaxCount),
            innerWidth = Rows(file, "perceiver.blk.0.q.weight");
        return headCount > 0 && innerWidth % headCount == 0
            ? new LatentPerceiverConfig(
                width,
                latentCount,
                depth,
                headCount,
                innerWidth,
                Rows(file, "perceiver.blk.0.ffn_up.weight"),
                usesRelu
            )
            : throw new ModelFileException(
                file.Path,
                $"{HeadCountKey} is {headCount}, which does not divide the perceiver's width, {innerWidth}."
            );
    }

    private static int Rows(GgufFile file, string name) =>
        file.TryGetTensor(name, out GgufTensor? tensor) && tensor.Shape.Length == 2 && tensor.Shape[1] is > 0 and <= MaxCount
            ? (int)tensor.Shape[1]
            : throw Missing(file, name);

    private static ModelFileException Missing(GgufFile file, string name) =>
        new(file.Path, $"tensor '{name}' is missing, or is no matrix.");
}
