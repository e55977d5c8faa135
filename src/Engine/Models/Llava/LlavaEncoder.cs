using Tessera.Compute;
using Tessera.Imaging;

namespace Tessera.Models.Llava;

/// <summary>
/// The CLIP tower, then <c>mm.0</c> and, for LLaVA-1.5, GELU (erf) and <c>mm.2</c>. Source: haotian-liu/LLaVA,
/// llava/model/multimodal_encoder/clip_encoder.py and multimodal_projector/builder.py.
/// </summary>
internal sealed class LlavaEncoder : IVisionEncoder
{
    private readonly LlavaConfig config;
    private readonly VisionTransformer tower;
    private readonly LinearWeights first;   // [hidden, inner]
    private readonly LinearWeights second;  // [inner, embedding]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public LlavaEncoder(LlavaConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        first = LinearWeights.Load(weights, "mm.0", config.Tower.HiddenSize, config.InnerWidth);
        if (config.HasSecondLayer) second = LinearWeights.Load(weights, "mm.2", config.InnerWidth, config.EmbeddingWidth);
    }

    public int EmbeddingWidth => config.EmbeddingWidth;

    public VisionTransformerConfig Tower => config.Tower;

    public int NodeCapacity => tower.NodeCapacity + 16;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, patches, slices].</summary>
    public EncoderOutputs Build(Graph graph, Tensor patches)
    {
        Tensor features = tower.Build(graph, patches);
        Tensor rows = first.Build(graph, features);
        if (config.HasSecondLayer) rows = second.Build(graph, graph.GeluErf(rows));
        return new EncoderOutputs(features, rows);
    }

    /// <summary>The one slice's rows are the picture's embeddings.</summary>
    public float[] Merge(SlicePlan plan, IReadOnlyList<float[]> sliceRows) => sliceRows[0];
}
