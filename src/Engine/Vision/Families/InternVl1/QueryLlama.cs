using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>
/// QLLaMA: learned queries go through Llama's blocks, attend to each other without a mask, and look, in every other one, at the tower's
/// features. Source: OpenGVLab/InternVL, internvl_chat_llava/llava/model/multimodal_encoder/internvl_14b/modeling_qllama.py, forward_train,
/// and modeling_internvl.py, forward; arXiv 2312.14238.
/// </summary>
internal sealed class QueryLlama
{
    private readonly QueryLlamaConfig config;
    private readonly int[] positions; // of the queries
    private readonly Tensor queries; // [width, queries]
    private readonly NormWeights norm; // [width]
    private readonly QueryLlamaBlock[] blocks;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public QueryLlama(QueryLlamaConfig config, WeightStore weights)
    {
        this.config = config;
        positions = [.. Enumerable.Range(0, config.QueryCount)];
        queries = weights.Values(QueryLlamaConfig.QueryTensor, config.Width, config.QueryCount);
        norm = NormWeights.Load(weights, "qllama.norm", config.Width, isRms: true);
        blocks = [.. config.LooksAtFeatures.Select((_, index) => new QueryLlamaBlock(config, weights, index))];
    }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public int NodeCapacity => 16 + blocks.Length * QueryLlamaBlock.NodeCapacity;

    /// <summary>Features [inputs, tokens, slices] -> rows [width, queries, slices].</summary>
    public Tensor Build(Graph graph, Tensor features)
    {
        Tensor places = graph.Indices("query positions", positions);
        Tensor x = graph.Repeat(queries, config.Width, config.QueryCount, features.Size(2));
        foreach (QueryLlamaBlock block in blocks)
            x = block.Build(graph, x, places, features);
        return norm.Build(graph, x, config.NormEpsilon);
    }
}
