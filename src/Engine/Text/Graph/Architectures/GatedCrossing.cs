using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Text.Graph.Architectures;

/// <summary>
/// Flamingo's block in front of a language model's: rows look at the latest picture, then pass a feed-forward network, each behind a gate.
/// Rows before the first picture get nothing of the former. Source: mlfoundations/open_flamingo, open_flamingo/src/helpers.py,
/// GatedCrossAttentionBlock; arXiv 2204.14198. Names: docs/gguf.md.
/// </summary>
internal sealed class GatedCrossing
{
    /// <summary>Nodes that <see cref="Build"/> adds at most, but for those of each stretch that sees something else.</summary>
    public const int NodeCapacity = 64;

    // torch.nn.LayerNorm's default.
    private const float Epsilon = 1e-5f;
    private readonly int headCount;
    private readonly NormWeights attentionNorm;
    private readonly LinearWeights query; // [width, inner]
    private readonly LinearWeights key; // [memory width, inner]
    private readonly LinearWeights value;
    private readonly LinearWeights output; // [inner, width]
    private readonly NormWeights feedForwardNorm;
    private readonly LinearWeights up; // [width, 4 * width]
    private readonly LinearWeights down;
    private readonly float attentionGate;
    private readonly float feedForwardGate;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public GatedCrossing(LanguageKeys keys, WeightStore weights, string prefix, int width, int memoryWidth)
    {
        headCount = HeadCountOf(keys);
        HeadWidth = HeadWidthOf(keys);
        int inner = headCount * HeadWidth,
            wide = keys.RowsOf(prefix + "ffn_up.weight");
        attentionNorm = NormWeights.Load(weights, prefix + "norm", width);
        query = LinearWeights.Load(weights, prefix + "q", width, inner);
        key = LinearWeights.Load(weights, prefix + "k", memoryWidth, inner);
        value = LinearWeights.Load(weights, prefix + "v", memoryWidth, inner);
        output = LinearWeights.Load(weights, prefix + "output", inner, width);
        feedForwardNorm = NormWeights.Load(weights, prefix + "ffn_norm", width);
        up = LinearWeights.Load(weights, prefix + "ffn_up", width, wide);
        down = LinearWeights.Load(weights, prefix + "ffn_down", wide, width);
        attentionGate = MathF.Tanh(weights.HostValues(prefix + "attn_gate", 1)[0]);
        feedForwardGate = MathF.Tanh(weights.HostValues(prefix + "ffn_gate", 1)[0]);
    }

    private int HeadWidth { get; }

    /// <summary>What the layers keep of a memory.</summary>
    public static IReadOnlyList<CacheWidths> Widths(LanguageKeys keys, int count) =>
        CacheWidths.Same(count, HeadCountOf(keys), HeadWidthOf(keys));

    /// <summary>How the architecture sees pictures.</summary>
    public static MemoryRule Rule(LanguageKeys keys)
    {
        // 64 rows each: what a few-shot prompt of pictures may need.
        const int MostPictures = 32;
        return new MemoryRule(keys.Count("cross_attention.memory_length", 1 << 16), JoinsNeighbours: false, MostPictures);
    }

    /// <summary>Rows [width, rows] -> the same shape.</summary>
    public Tensor Build(LanguageStep step, int layer, Tensor x)
    {
        Compute.Graph graph = step.Graph;
        if (step.HasMemory)
        {
            Tensor normed = attentionNorm.Build(graph, x, Epsilon);
            Tensor queries = Attention.Heads(graph, query.Build(graph, normed), headCount);
            Tensor attended = step.AttendToMemory(layer, queries, headCount, 1 / MathF.Sqrt(HeadWidth), WhenNothingSeen.Zero);
            x = graph.Add(x, graph.Scale(output.Build(graph, attended), attentionGate));
        }

        Tensor inner = graph.GeluErf(up.Build(graph, feedForwardNorm.Build(graph, x, Epsilon)));
        return graph.Add(x, graph.Scale(down.Build(graph, inner), feedForwardGate));
    }

    /// <summary>A picture's latents [memory width, rows] -> keys and values [inner, rows].</summary>
    public (Tensor Key, Tensor Value) BuildMemory(Compute.Graph graph, Tensor memory) =>
        (key.Build(graph, memory), value.Build(graph, memory));

    private static int HeadCountOf(LanguageKeys keys) => keys.Count("cross_attention.head_count", 1 << 10);

    private static int HeadWidthOf(LanguageKeys keys) => keys.Count("cross_attention.key_length", 1 << 10);
}
