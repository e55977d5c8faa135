using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>The dimensions of a visual abstractor.</summary>
/// <param name="Width">Width of a query, which is the tower's.</param>
/// <param name="Inner">Width inside the feed-forward networks.</param>
/// <param name="HeadCount">Attention heads.</param>
/// <param name="QueryCount">Embeddings that it makes of a slice.</param>
/// <param name="BlockCount">Its blocks.</param>
/// <param name="InnerNormEpsilon">Of the norm inside the feed-forward networks.</param>
internal sealed record VisualAbstractorConfig(int Width, int Inner, int HeadCount, int QueryCount, int BlockCount, float InnerNormEpsilon)
{
    private const string QueryTensor = "abstractor.query";
    private const string HeadCountKey = "clip.vision.projector.head_count";
    private const int MaxQueryCount = 4096;
    private const int MaxBlockCount = 64;

    /// <summary>Features along a side of the tower's map, behind a class token, where positions are added to queries and keys (mPLUG-Owl2);
    /// 0 where they are not.</summary>
    public int PlacedSide { get; init; }

    /// <exception cref="ModelFileException">A tensor is missing, or a size cannot be.</exception>
    public static VisualAbstractorConfig Read(GgufFile file, int towerWidth)
    {
        // mplug_owl/configuration_mplug_owl.py: 16 heads of 1024, layer_norm_eps.
        const int HeadSize = 64;
        const float ReleasedEpsilon = 1e-6f;
        int queries = MlpConnectorConfig.OutputCount(file, QueryTensor, towerWidth);
        if (queries > MaxQueryCount)
            throw new ModelFileException(file.Path, $"tensor '{QueryTensor}' holds {queries} queries, more than {MaxQueryCount}.");
        int blocks = 0;
        while (blocks < MaxBlockCount && file.TryGetTensor($"abstractor.blk.{blocks}.norm1.weight", out _))
            blocks++;
        if (blocks == 0)
            throw new ModelFileException(file.Path, "tensor 'abstractor.blk.0.norm1.weight' is missing.");
        if (!file.Metadata.TryGetUInt32(HeadCountKey, out uint heads))
            heads = (uint)Math.Max(1, towerWidth / HeadSize);
        if (heads == 0 || heads > towerWidth || towerWidth % heads != 0)
            throw new ModelFileException(
                file.Path,
                $"the abstractor's width, {towerWidth}, is no multiple of its {heads} heads ({HeadCountKey})."
            );
        return new VisualAbstractorConfig(
            towerWidth,
            MlpConnectorConfig.OutputCount(file, "abstractor.blk.0.ffn_up.weight", towerWidth),
            (int)heads,
            queries,
            blocks,
            file.Metadata.TryGetSingle("clip.vision.projector.layer_norm_epsilon", out float epsilon) ? epsilon : ReleasedEpsilon
        );
    }
}

/// <summary>
/// Learned queries gather a slice's features, block after block: each attends to itself and its fellows and to the features, all normed
/// before, and what it gathers is added to the normed query, not to the query. In mPLUG-Owl2 positions are added to what becomes queries
/// and keys. Source: X-PLUG/mPLUG-Owl, mPLUG-Owl/mplug_owl/modeling_mplug_owl.py, MplugOwlVisualAbstractorAttention and -CrossOutput;
/// mPLUG-Owl2/mplug_owl2/model/visual_encoder.py, MplugOwlVisualAbstractorMultiHeadAttention.
/// </summary>
internal sealed class VisualAbstractor
{
    private const int BlockNodeCapacity = 64;
    private readonly VisualAbstractorConfig config;
    private readonly Tensor queries; // [width, queries]
    private readonly Block[] blocks;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public VisualAbstractor(VisualAbstractorConfig config, WeightStore weights)
    {
        this.config = config;
        queries = weights.Values("abstractor.query", config.Width, config.QueryCount);
        blocks = [.. Enumerable.Range(0, config.BlockCount).Select(index => new Block(config, weights, $"abstractor.blk.{index}"))];
    }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public int NodeCapacity => 8 + blocks.Length * BlockNodeCapacity;

    /// <summary>Features [width, tokens, slices] -> [width, queries, slices].</summary>
    public Tensor Build(Graph graph, Tensor features)
    {
        Tensor x = graph.Repeat(queries, config.Width, config.QueryCount, features.Size(2));
        foreach (Block block in blocks)
            x = block.Build(graph, x, features);
        return x;
    }

    private sealed class Block(VisualAbstractorConfig config, WeightStore weights, string prefix)
    {
        // torch.nn.LayerNorm's default, which all norms but the inner one take.
        private const float NormEpsilon = 1e-5f;
        private readonly NormWeights queryNorm = NormWeights.Load(weights, $"{prefix}.norm1", config.Width);
        private readonly NormWeights featureNorm = NormWeights.Load(weights, $"{prefix}.norm_k", config.Width);
        private readonly NormWeights outputNorm = NormWeights.Load(weights, $"{prefix}.norm2", config.Width);
        private readonly NormWeights innerNorm = NormWeights.Load(weights, $"{prefix}.ffn_norm", config.Inner);
        private readonly Tensor queryPlaces = Places(weights, $"{prefix}.query_pos", config.Width, config.QueryCount, config.PlacedSide);
        private readonly Tensor featurePlaces = Places(
            weights,
            $"{prefix}.key_pos",
            config.Width,
            config.PlacedSide * config.PlacedSide + 1,
            config.PlacedSide
        );
        private readonly LinearWeights query = LinearWeights.Load(weights, $"{prefix}.attn_q", config.Width, config.Width);
        private readonly LinearWeights key = LinearWeights.Load(weights, $"{prefix}.attn_k", config.Width, config.Width);
        private readonly LinearWeights value = LinearWeights.Load(weights, $"{prefix}.attn_v", config.Width, config.Width);
        private readonly LinearWeights output = LinearWeights.Load(weights, $"{prefix}.attn_out", config.Width, config.Width);
        private readonly LinearWeights gate = LinearWeights.Load(weights, $"{prefix}.ffn_gate", config.Width, config.Inner);
        private readonly LinearWeights up = LinearWeights.Load(weights, $"{prefix}.ffn_up", config.Width, config.Inner);
        private readonly LinearWeights down = LinearWeights.Load(weights, $"{prefix}.ffn_down", config.Inner, config.Width);

        public Tensor Build(Graph graph, Tensor x, Tensor features)
        {
            x = queryNorm.Build(graph, x, NormEpsilon);
            Tensor normedFeatures = featureNorm.Build(graph, features, NormEpsilon);
            Tensor seen = graph.Concat(x, normedFeatures, 1); // [width, queries + tokens, slices]
            Tensor asked = Placed(graph, x, queryPlaces),
                known = config.PlacedSide > 0 ? graph.Concat(asked, Placed(graph, normedFeatures, featurePlaces), 1) : seen;
            Tensor mixed = Attention.Build(
                graph,
                Heads(graph, query.Build(graph, asked)),
                Heads(graph, key.Build(graph, known)),
                Heads(graph, value.Build(graph, seen))
            );
            x = graph.Add(x, output.Build(graph, mixed));
            Tensor normed = outputNorm.Build(graph, x, NormEpsilon);
            Tensor inner = graph.Multiply(graph.Silu(gate.Build(graph, normed)), up.Build(graph, normed));
            return graph.Add(x, down.Build(graph, innerNorm.Build(graph, inner, config.InnerNormEpsilon)));
        }

        private static Tensor Placed(Graph graph, Tensor x, Tensor places) => places.IsNull ? x : graph.Add(x, places);

        private static Tensor Places(WeightStore weights, string name, int width, int count, int side) =>
            side > 0 ? weights.Values(name, width, count) : default;

        private Tensor Heads(Graph graph, Tensor x) => Attention.Heads(graph, x, config.HeadCount);
    }
}
