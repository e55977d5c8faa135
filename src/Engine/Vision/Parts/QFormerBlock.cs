using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>
/// One of BERT's blocks, its norms behind what is added: queries and text attend to each other, queries to the features (in some blocks),
/// and each go through a feed-forward network of their own. Sources: those of <see cref="QFormer"/>.
/// </summary>
internal sealed class QFormerBlock
{
    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = 96;

    private readonly QFormerConfig config;
    private readonly AttentionLayer attention; // [width] -> [width]
    private readonly AttentionLayer crossAttention; // [inputs] -> [width], in blocks that look at the features
    private readonly FeedForwardLayer queryNetwork;
    private readonly FeedForwardLayer textNetwork; // where an instruction is read
    private readonly bool looksAtFeatures;

    public QFormerBlock(QFormerConfig config, WeightStore weights, int index)
    {
        this.config = config;
        string prefix = $"qformer.blk.{index}";
        looksAtFeatures = config.LooksAtFeatures[index];
        attention = AttentionLayer.Load(weights, $"{prefix}.attn", config.Width, config.Width);
        if (looksAtFeatures)
            crossAttention = AttentionLayer.Load(weights, $"{prefix}.xattn", config.Width, config.Inputs);
        queryNetwork = FeedForwardLayer.Load(weights, $"{prefix}.ffn_q", config);
        if (config.Text is not null)
            textNetwork = FeedForwardLayer.Load(weights, $"{prefix}.ffn", config);
    }

    /// <summary>Queries [width, queries, slices], text [width, tokens, slices] or nothing -> the same shapes.</summary>
    public (Tensor Queries, Tensor Text) Build(Graph graph, Tensor queries, Tensor text, Tensor features)
    {
        long queryCount = queries.Size(1);
        Tensor all = text.IsNull ? queries : graph.Concat(queries, text, 1);
        all = attention.Build(graph, all, all, config);
        if (text.IsNull)
            return (Finish(graph, all, features), default);
        Tensor rest = Rows(graph, all, queryCount, all.Size(1) - queryCount);
        return (Finish(graph, Rows(graph, all, 0, queryCount), features), textNetwork.Build(graph, rest, config.NormEpsilon));
    }

    private Tensor Finish(Graph graph, Tensor queries, Tensor features)
    {
        if (looksAtFeatures)
            queries = crossAttention.Build(graph, queries, features, config);
        return queryNetwork.Build(graph, queries, config.NormEpsilon);
    }

    // Some of the rows: [width, count, slices].
    private static Tensor Rows(Graph graph, Tensor x, long first, long count) =>
        graph.Contiguous(
            graph.View(x, (x.Size(0), count, x.Size(2), 1), (x.Stride(1), x.Stride(2), x.Stride(3)), (nuint)first * x.Stride(1))
        );

    /// <summary>norm(x + out(attention(x, to))).</summary>
    private readonly record struct AttentionLayer(
        LinearWeights Query,
        LinearWeights Key,
        LinearWeights Value,
        LinearWeights Output,
        NormWeights Norm
    )
    {
        public static AttentionLayer Load(WeightStore weights, string prefix, int width, int inputs) =>
            new(
                LinearWeights.Load(weights, $"{prefix}_q", width, width),
                LinearWeights.Load(weights, $"{prefix}_k", inputs, width),
                LinearWeights.Load(weights, $"{prefix}_v", inputs, width),
                LinearWeights.Load(weights, $"{prefix}_out", width, width),
                NormWeights.Load(weights, $"{prefix}_out_norm", width)
            );

        public Tensor Build(Graph graph, Tensor x, Tensor to, QFormerConfig config)
        {
            Tensor mixed = Attention.Build(
                graph,
                Attention.Heads(graph, Query.Build(graph, x), config.HeadCount),
                Attention.Heads(graph, Key.Build(graph, to), config.HeadCount),
                Attention.Heads(graph, Value.Build(graph, to), config.HeadCount)
            );
            return Norm.Build(graph, graph.Add(Output.Build(graph, mixed), x), config.NormEpsilon);
        }
    }

    /// <summary>norm(x + down(gelu(up(x)))).</summary>
    private readonly record struct FeedForwardLayer(LinearWeights Up, LinearWeights Down, NormWeights Norm)
    {
        public static FeedForwardLayer Load(WeightStore weights, string prefix, QFormerConfig config) =>
            new(
                LinearWeights.Load(weights, $"{prefix}_up", config.Width, config.FeedForward),
                LinearWeights.Load(weights, $"{prefix}_down", config.FeedForward, config.Width),
                NormWeights.Load(weights, $"{prefix}_norm", config.Width)
            );

        public Tensor Build(Graph graph, Tensor x, float epsilon) =>
            Norm.Build(graph, graph.Add(Down.Build(graph, graph.GeluErf(Up.Build(graph, x))), x), epsilon);
    }
}
