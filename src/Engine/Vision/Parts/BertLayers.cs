using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>BERT's attention, its norm behind the sum: norm(x + out(attention(x, to))).</summary>
internal readonly record struct BertAttention(
    LinearWeights Query,
    LinearWeights Key,
    LinearWeights Value,
    LinearWeights Output,
    NormWeights Norm
)
{
    /// <summary>Declares the weights; what is looked at is so many inputs wide.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public static BertAttention Load(WeightStore weights, string prefix, int width, int inputs) =>
        new(
            LinearWeights.Load(weights, $"{prefix}_q", width, width),
            LinearWeights.Load(weights, $"{prefix}_k", inputs, width),
            LinearWeights.Load(weights, $"{prefix}_v", inputs, width),
            LinearWeights.Load(weights, $"{prefix}_out", width, width),
            NormWeights.Load(weights, $"{prefix}_out_norm", width)
        );

    /// <summary>Rows [width, rows, slices], and what they look at [inputs, others, slices] -> [width, rows, slices].</summary>
    public Tensor Build(Graph graph, Tensor x, Tensor to, int headCount, float epsilon)
    {
        Tensor mixed = Attention.Build(
            graph,
            Attention.Heads(graph, Query.Build(graph, x), headCount),
            Attention.Heads(graph, Key.Build(graph, to), headCount),
            Attention.Heads(graph, Value.Build(graph, to), headCount)
        );
        return Norm.Build(graph, graph.Add(Output.Build(graph, mixed), x), epsilon);
    }
}

/// <summary>BERT's feed-forward network, its norm behind the sum: norm(x + down(gelu(up(x)))).</summary>
internal readonly record struct BertFeedForward(LinearWeights Up, LinearWeights Down, NormWeights Norm)
{
    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public static BertFeedForward Load(WeightStore weights, string prefix, int width, int inner) =>
        new(
            LinearWeights.Load(weights, $"{prefix}_up", width, inner),
            LinearWeights.Load(weights, $"{prefix}_down", inner, width),
            NormWeights.Load(weights, $"{prefix}_norm", width)
        );

    /// <summary>[width, rows, slices] -> the same shape.</summary>
    public Tensor Build(Graph graph, Tensor x, float epsilon) =>
        Norm.Build(graph, graph.Add(Down.Build(graph, graph.GeluErf(Up.Build(graph, x))), x), epsilon);
}
