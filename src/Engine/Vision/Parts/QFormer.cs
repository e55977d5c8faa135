using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>
/// BLIP-2's Q-Former: learned queries go through BERT's blocks and look, in every other one, at the tower's features. Where it reads an
/// instruction, its tokens go along and are attended to, by networks of their own. Source: salesforce/LAVIS,
/// lavis/models/blip2_models/Qformer.py; huggingface/transformers v5.12, models/instructblip/modeling_instructblip.py,
/// InstructBlipQFormer*.
/// </summary>
internal sealed class QFormer
{
    private readonly QFormerConfig config;
    private readonly Tensor queries; // [width, queries]
    private readonly NormWeights norm; // [width]
    private readonly QFormerBlock[] blocks;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public QFormer(QFormerConfig config, WeightStore weights)
    {
        this.config = config;
        queries = weights.Values("qformer.query", config.Width, config.QueryCount);
        norm = NormWeights.Load(weights, "qformer.norm", config.Width);
        blocks = [.. config.LooksAtFeatures.Select((_, index) => new QFormerBlock(config, weights, index))];
    }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public int NodeCapacity => 16 + blocks.Length * QFormerBlock.NodeCapacity;

    /// <summary>Features [inputs, tokens, slices] -> rows [width, queries, slices].</summary>
    /// <param name="graph">The graph to add to.</param>
    /// <param name="features">The tower's output.</param>
    /// <param name="text">Embeddings of an instruction's tokens with their positions [width, tokens, slices]; null for none.</param>
    public Tensor Build(Graph graph, Tensor features, Tensor text = default)
    {
        long sliceCount = features.Size(2);
        Tensor x = norm.Build(graph, graph.Repeat(queries, config.Width, config.QueryCount, sliceCount), config.NormEpsilon);
        if (!text.IsNull)
            text = norm.Build(graph, text, config.NormEpsilon);
        foreach (QFormerBlock block in blocks)
            (x, text) = block.Build(graph, x, text, features);
        return x;
    }
}
