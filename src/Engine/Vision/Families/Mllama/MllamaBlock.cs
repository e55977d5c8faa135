using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Mllama;

/// <summary>
/// A block of the tower. Rows that are padding attend to the others only, not to each other, as transformers' mask has it; the others
/// attend to all. Source: huggingface/transformers v5.12, models/mllama/modeling_mllama.py, MllamaVisionEncoderLayer and
/// _prepare_aspect_ratio_attention_mask.
/// </summary>
internal sealed class MllamaBlock
{
    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = 64;
    private readonly MllamaConfig config;
    private readonly NormWeights norm1;
    private readonly LinearWeights query; // [hidden, hidden] each
    private readonly LinearWeights key;
    private readonly LinearWeights value;
    private readonly LinearWeights output;
    private readonly NormWeights norm2;
    private readonly LinearWeights up; // [hidden, feed-forward]
    private readonly LinearWeights down; // [feed-forward, hidden]
    private readonly float attentionGate = 1;
    private readonly float feedForwardGate = 1;

    /// <param name="config">The dimensions.</param>
    /// <param name="weights">Where they are declared.</param>
    /// <param name="prefix">What its tensors' names begin with.</param>
    /// <param name="isGated">Whether it is one of the global ones.</param>
    public MllamaBlock(MllamaConfig config, WeightStore weights, string prefix, bool isGated)
    {
        this.config = config;
        int hidden = config.HiddenSize;
        norm1 = NormWeights.Load(weights, Name(weights, prefix, "attn_norm", "ln1"), hidden);
        query = LinearWeights.Load(weights, prefix + "attn_q", hidden, hidden);
        key = LinearWeights.Load(weights, prefix + "attn_k", hidden, hidden);
        value = LinearWeights.Load(weights, prefix + "attn_v", hidden, hidden);
        output = LinearWeights.Load(weights, Name(weights, prefix, "attn_output", "attn_out"), hidden, hidden);
        norm2 = NormWeights.Load(weights, Name(weights, prefix, "ffn_norm", "ln2"), hidden);
        bool isSwapped = hidden != config.FeedForwardSize && weights.InputCount(prefix + "ffn_down.weight") == hidden;
        up = LinearWeights.Load(weights, prefix + (isSwapped ? "ffn_down" : "ffn_up"), hidden, config.FeedForwardSize);
        down = LinearWeights.Load(weights, prefix + (isSwapped ? "ffn_up" : "ffn_down"), config.FeedForwardSize, hidden);
        if (!isGated)
            return;
        // Stored behind the hyperbolic tangent.
        attentionGate = weights.HostValues(prefix + "attn_gate", 1)[0];
        feedForwardGate = weights.HostValues(prefix + "ffn_gate", 1)[0];
    }

    /// <summary>[hidden, rows] -> the same shape.</summary>
    /// <param name="graph">The graph to add to.</param>
    /// <param name="x">The rows, those that are no padding first.</param>
    /// <param name="seenCount">Rows that are no padding.</param>
    public Tensor Build(Graph graph, Tensor x, int seenCount)
    {
        x = graph.Add(x, Gated(graph, Attend(graph, norm1.Build(graph, x, config.NormEpsilon), seenCount), attentionGate));
        Tensor inner = graph.GeluErf(up.Build(graph, norm2.Build(graph, x, config.NormEpsilon)));
        return graph.Add(x, Gated(graph, down.Build(graph, inner), feedForwardGate));
    }

    private static Tensor Gated(Graph graph, Tensor x, float gate) => gate == 1 ? x : graph.Scale(x, gate);

    private Tensor Attend(Graph graph, Tensor x, int seenCount)
    {
        int count = (int)x.Size(1);
        Tensor q = Attention.Heads(graph, query.Build(graph, x), config.HeadCount), // [head, heads, rows]
            k = Attention.Heads(graph, key.Build(graph, x), config.HeadCount),
            v = Attention.Heads(graph, value.Build(graph, x), config.HeadCount);
        if (seenCount == count)
            return output.Build(graph, Attention.Build(graph, q, k, v));
        Tensor seen = Attention.Build(graph, Rows(graph, q, 0, seenCount), k, v),
            padding = Attention.Build(
                graph,
                Rows(graph, q, seenCount, count - seenCount),
                Rows(graph, k, 0, seenCount),
                Rows(graph, v, 0, seenCount)
            );
        return output.Build(graph, graph.Concat(seen, padding, 1));
    }

    private static Tensor Rows(Graph graph, Tensor x, int first, int count) =>
        graph.View(x, (x.Size(0), x.Size(1), count, 1), (x.Stride(1), x.Stride(2), x.Stride(3)), x.Stride(2) * (nuint)first);

    private static string Name(WeightStore weights, string prefix, string name, string older) =>
        prefix + (weights.Has($"{prefix}{name}.weight") || !weights.Has($"{prefix}{older}.weight") ? name : older);
}
