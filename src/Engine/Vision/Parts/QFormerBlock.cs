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
    private readonly BertAttention attention; // [width] -> [width]
    private readonly BertAttention crossAttention; // [inputs] -> [width], in blocks that look at the features
    private readonly BertFeedForward queryNetwork;
    private readonly BertFeedForward textNetwork; // where an instruction is read
    private readonly bool looksAtFeatures;

    public QFormerBlock(QFormerConfig config, WeightStore weights, int index)
    {
        this.config = config;
        string prefix = $"qformer.blk.{index}";
        looksAtFeatures = config.LooksAtFeatures[index];
        attention = BertAttention.Load(weights, $"{prefix}.attn", config.Width, config.Width);
        if (looksAtFeatures)
            crossAttention = BertAttention.Load(weights, $"{prefix}.xattn", config.Width, config.Inputs);
        queryNetwork = BertFeedForward.Load(weights, $"{prefix}.ffn_q", config.Width, config.FeedForward);
        if (config.Text is not null)
            textNetwork = BertFeedForward.Load(weights, $"{prefix}.ffn", config.Width, config.FeedForward);
    }

    /// <summary>Queries [width, queries, slices], text [width, tokens, slices] or nothing -> the same shapes.</summary>
    public (Tensor Queries, Tensor Text) Build(Graph graph, Tensor queries, Tensor text, Tensor features)
    {
        long queryCount = queries.Size(1);
        Tensor all = text.IsNull ? queries : graph.Concat(queries, text, 1);
        all = attention.Build(graph, all, all, config.HeadCount, config.NormEpsilon);
        if (text.IsNull)
            return (Finish(graph, all, features), default);
        Tensor rest = Rows(graph, all, queryCount, all.Size(1) - queryCount);
        return (Finish(graph, Rows(graph, all, 0, queryCount), features), textNetwork.Build(graph, rest, config.NormEpsilon));
    }

    private Tensor Finish(Graph graph, Tensor queries, Tensor features)
    {
        if (looksAtFeatures)
            queries = crossAttention.Build(graph, queries, features, config.HeadCount, config.NormEpsilon);
        return queryNetwork.Build(graph, queries, config.NormEpsilon);
    }

    // Some of the rows: [width, count, slices].
    private static Tensor Rows(Graph graph, Tensor x, long first, long count) =>
        graph.Contiguous(
            graph.View(x, (x.Size(0), count, x.Size(2), 1), (x.Stride(1), x.Stride(2), x.Stride(3)), (nuint)first * x.Stride(1))
        );
}
