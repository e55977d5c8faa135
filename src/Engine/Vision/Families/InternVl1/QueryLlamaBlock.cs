using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>One of QLLaMA's blocks, its norms in front: attention of the queries, in some blocks attention to the features, and a gated
/// feed-forward network. Source: that of <see cref="QueryLlama"/>, LlamaDecoderLayer.</summary>
internal sealed class QueryLlamaBlock
{
    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = 72;

    // modeling_qllama.py's LlamaRotaryEmbedding, whatever the configuration says.
    private const float RotationBase = 10_000;
    private readonly QueryLlamaConfig config;
    private readonly Rotation rotation;
    private readonly NormWeights attentionNorm; // [width]
    private readonly AttentionWeights attention; // [width] -> [width]
    private readonly NormWeights crossNorm; // [width], in blocks that look at the features, as the next two
    private readonly NormWeights featureNorm; // [inputs]
    private readonly AttentionWeights crossAttention; // [inputs] -> [width]
    private readonly NormWeights feedForwardNorm; // [width]
    private readonly LinearWeights gate; // [width, feed-forward]
    private readonly LinearWeights up; // [width, feed-forward]
    private readonly LinearWeights down; // [feed-forward, width]
    private readonly bool looksAtFeatures;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public QueryLlamaBlock(QueryLlamaConfig config, WeightStore weights, int index)
    {
        this.config = config;
        rotation = new Rotation(config.Width / config.HeadCount, RotationBase, IsByHalves: true);
        looksAtFeatures = config.LooksAtFeatures[index];
        string prefix = $"qllama.blk.{index}.";
        attentionNorm = NormWeights.Load(weights, prefix + "attn_norm", config.Width, isRms: true);
        attention = AttentionWeights.Load(weights, prefix + "attn", config.Width, config.Width);
        if (looksAtFeatures)
        {
            crossNorm = NormWeights.Load(weights, prefix + "xattn_norm", config.Width, isRms: true);
            featureNorm = NormWeights.Load(weights, prefix + "xattn_norm_kv", config.Inputs, isRms: true);
            crossAttention = AttentionWeights.Load(weights, prefix + "xattn", config.Inputs, config.Width);
        }

        feedForwardNorm = NormWeights.Load(weights, prefix + "ffn_norm", config.Width, isRms: true);
        gate = LinearWeights.Load(weights, prefix + "ffn_gate", config.Width, config.FeedForward);
        up = LinearWeights.Load(weights, prefix + "ffn_up", config.Width, config.FeedForward);
        down = LinearWeights.Load(weights, prefix + "ffn_down", config.FeedForward, config.Width);
    }

    /// <summary>Queries [width, queries, slices] with their positions, and features [inputs, tokens, slices] -> the queries'
    /// shape.</summary>
    public Tensor Build(Graph graph, Tensor x, Tensor positions, Tensor features)
    {
        x = graph.Add(x, Attend(graph, attentionNorm.Build(graph, x, config.NormEpsilon), positions));
        if (looksAtFeatures)
            x = graph.Add(
                x,
                Look(graph, crossNorm.Build(graph, x, config.NormEpsilon), featureNorm.Build(graph, features, config.NormEpsilon))
            );
        Tensor normed = feedForwardNorm.Build(graph, x, config.NormEpsilon);
        return graph.Add(x, down.Build(graph, graph.SwiGlu(gate.Build(graph, normed), up.Build(graph, normed))));
    }

    private Tensor Attend(Graph graph, Tensor x, Tensor positions)
    {
        Tensor query = graph.Rotate(Heads(graph, attention.Query.Build(graph, x)), positions, rotation),
            key = graph.Rotate(Heads(graph, attention.Key.Build(graph, x)), positions, rotation);
        return attention.Output.Build(graph, Attention.Build(graph, query, key, Heads(graph, attention.Value.Build(graph, x))));
    }

    private Tensor Look(Graph graph, Tensor x, Tensor features) =>
        crossAttention.Output.Build(
            graph,
            Attention.Build(
                graph,
                Heads(graph, crossAttention.Query.Build(graph, x)),
                Heads(graph, crossAttention.Key.Build(graph, features)),
                Heads(graph, crossAttention.Value.Build(graph, features))
            )
        );

    private Tensor Heads(Graph graph, Tensor x) => Attention.Heads(graph, x, config.HeadCount);

    private readonly record struct AttentionWeights(LinearWeights Query, LinearWeights Key, LinearWeights Value, LinearWeights Output)
    {
        public static AttentionWeights Load(WeightStore weights, string prefix, int inputs, int width) =>
            new(
                LinearWeights.Load(weights, $"{prefix}_q", width, width),
                LinearWeights.Load(weights, $"{prefix}_k", inputs, width),
                LinearWeights.Load(weights, $"{prefix}_v", inputs, width),
                LinearWeights.Load(weights, $"{prefix}_out", width, width)
            );
    }
}
