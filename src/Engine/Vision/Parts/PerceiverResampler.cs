using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>The dimensions of a perceiver resampler.</summary>
/// <param name="Inputs">Width of a feature.</param>
/// <param name="Width">Width of an embedding, a multiple of 4 and of the heads.</param>
/// <param name="QueryCount">Embeddings that it makes of a slice.</param>
/// <param name="HeadCount">Attention heads.</param>
/// <param name="QueriesHavePositions">Whether queries get positions too, on their own square grid, and not keys alone.</param>
internal sealed record PerceiverResamplerConfig(int Inputs, int Width, int QueryCount, int HeadCount, bool QueriesHavePositions)
{
    private const string QueryTensor = "resampler.query";
    private const string HeadCountKey = "clip.vision.projector.head_count";
    private const int MaxWidth = 1 << 16;
    private const int MaxQueryCount = 4096;

    // OpenBMB, modeling_minicpmv.py, init_resampler, and LLaVA-UHD's builder.py: embed_dim // 128 heads.
    private const int HeadSize = 128;

    /// <summary>Side of the queries' grid, where they have positions.</summary>
    public int QuerySide => (int)Math.Sqrt(QueryCount);

    /// <exception cref="ModelFileException">A tensor is missing, or a size cannot be.</exception>
    public static PerceiverResamplerConfig Read(GgufFile file, int towerWidth, bool queriesHavePositions)
    {
        if (!file.TryGetTensor(QueryTensor, out GgufTensor? query))
            throw new ModelFileException(file.Path, $"tensor '{QueryTensor}' is missing.");
        long width = query.Shape[0],
            count = query.Shape.Length > 1 ? query.Shape[1] : 1;
        bool fits =
            query.ElementCount == width * count && width is > 0 and <= MaxWidth && width % 4 == 0 && count is > 0 and <= MaxQueryCount;
        if (!fits)
            throw new ModelFileException(
                file.Path,
                $"tensor '{QueryTensor}' has shape {string.Join(" x ", query.Shape)}; a width that 4 divides, up to {MaxWidth}, and up "
                    + $"to {MaxQueryCount} queries are supported."
            );
        int heads = ReadHeadCount(file, (int)width);
        var config = new PerceiverResamplerConfig(towerWidth, (int)width, (int)count, heads, queriesHavePositions);
        if (queriesHavePositions && config.QuerySide * config.QuerySide != count)
            throw new ModelFileException(file.Path, $"tensor '{QueryTensor}' holds {count} queries, which make no square grid.");
        return config;
    }

    private static int ReadHeadCount(GgufFile file, int width)
    {
        if (!file.Metadata.TryGetUInt32(HeadCountKey, out uint heads))
            heads = (uint)Math.Max(1, width / HeadSize);
        return heads > 0 && heads <= width && width % heads == 0
            ? (int)heads
            : throw new ModelFileException(
                file.Path,
                $"the resampler's width, {width}, is no multiple of its {heads} heads ({HeadCountKey})."
            );
    }
}

/// <summary>
/// One layer of attention in which learned queries gather a slice's features, so that every slice becomes equally many embeddings:
/// keys and values are the normed, widened features, keys (and in some models queries) get positions, and the answer is normed and
/// projected. Source: resampler.py of openbmb/MiniCPM-V-2, MiniCPM-Llama3-V-2_5 and MiniCPM-V-2_6 (one slice at a time, so that their
/// padding masks have nothing to hide); thunlp/LLaVA-UHD, llava_uhd/resampler.py. Tensor names as in ggml-org/llama.cpp v0.5.0,
/// tools/mtmd/clip-impl.h.
/// </summary>
internal sealed class PerceiverResampler
{
    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = 64 + 2 * RegionSampler.NodeCapacity;

    private const float NormEpsilon = 1e-6f;
    private readonly PerceiverResamplerConfig config;
    private readonly Tensor queries; // [width, queries]
    private readonly LinearWeights widen; // [inputs, width], absent where the widths are equal
    private readonly NormWeights queryNorm;
    private readonly NormWeights featureNorm;
    private readonly LinearWeights query; // [width, width] each
    private readonly LinearWeights key;
    private readonly LinearWeights value;
    private readonly LinearWeights output;
    private readonly NormWeights outputNorm;
    private readonly LinearWeights projection; // [width, width]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public PerceiverResampler(PerceiverResamplerConfig config, WeightStore weights)
    {
        this.config = config;
        int width = config.Width;
        queries = weights.Values("resampler.query", width, config.QueryCount);
        if (config.Inputs != width || weights.Has("resampler.kv.weight"))
            widen = LinearWeights.Load(weights, "resampler.kv", config.Inputs, width);
        queryNorm = NormWeights.Load(weights, "resampler.ln_q", width);
        featureNorm = NormWeights.Load(weights, "resampler.ln_kv", width);
        query = LinearWeights.Load(weights, "resampler.attn.q", width, width);
        key = LinearWeights.Load(weights, "resampler.attn.k", width, width);
        value = LinearWeights.Load(weights, "resampler.attn.v", width, width);
        output = LinearWeights.Load(weights, "resampler.attn.out", width, width);
        outputNorm = NormWeights.Load(weights, "resampler.ln_post", width);
        projection = LinearWeights.Load(weights, "resampler.proj", width, width);
    }

    /// <summary>Features [inputs, patches, slices] -> rows [width, queries, slices].</summary>
    /// <param name="graph">The graph to add to.</param>
    /// <param name="features">The tower's output.</param>
    /// <param name="keyPositions">Positions of the patches: [width, patches].</param>
    /// <param name="queryPositions">Positions of the queries: [width, queries]; null where they have none.</param>
    /// <param name="regions">Where each query sees one region of the map only; null where all see all of it.</param>
    public Tensor Build(Graph graph, Tensor features, float[] keyPositions, float[]? queryPositions, RegionSampler? regions = null)
    {
        int patchCount = (int)features.Size(1),
            sliceCount = (int)features.Size(2);
        // [width, patches, slices]
        Tensor values = featureNorm.Build(graph, widen.IsNull ? features : widen.Build(graph, features), NormEpsilon);
        Tensor keys = graph.Add(values, graph.Input("resampler_key_positions", keyPositions, config.Width, patchCount));
        Tensor asked = queryNorm.Build(graph, queries, NormEpsilon); // [width, queries]
        if (queryPositions is not null)
            asked = graph.Add(asked, graph.Input("resampler_query_positions", queryPositions, config.Width, config.QueryCount));
        asked = graph.Repeat(query.Build(graph, asked), config.Width, config.QueryCount, sliceCount);
        Tensor mixed = Attend(graph, asked, key.Build(graph, keys), value.Build(graph, values), regions); // [width, queries, slices]
        return projection.Build(graph, outputNorm.Build(graph, output.Build(graph, mixed), NormEpsilon));
    }

    private Tensor Attend(Graph graph, Tensor asked, Tensor keys, Tensor values, RegionSampler? regions)
    {
        if (regions is null)
            return Attention.Build(graph, Heads(graph, asked), Heads(graph, keys), Heads(graph, values));
        // Each query with its region is a slice by itself. What is sampled may as well be projected before: the weights sum to one.
        long count = asked.Size(1) * asked.Size(2);
        Tensor matrix = regions.Matrix(graph);
        Tensor mixed = Attention.Build(
            graph,
            Heads(graph, graph.Reshape(asked, config.Width, 1, count)),
            Heads(graph, graph.Reshape(RegionSampler.Build(graph, keys, matrix), config.Width, regions.PointCount, count)),
            Heads(graph, graph.Reshape(RegionSampler.Build(graph, values, matrix), config.Width, regions.PointCount, count))
        ); // [width, 1, queries * slices]
        return graph.Reshape(mixed, config.Width, asked.Size(1), asked.Size(2));
    }

    private Tensor Heads(Graph graph, Tensor x) => Attention.Heads(graph, x, config.HeadCount);
}
