using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl;

/// <summary>
/// InternViT, pixel shuffle and the connector on every slice; the slices' tokens follow each other. Source: OpenGVLab/InternVL,
/// internvl_chat/internvl/model/internvl_chat/modeling_internvl_chat.py, extract_feature, pixel_shuffle and mlp1.
/// </summary>
internal sealed class InternVlEncoder : SliceEncoder
{
    // torch.nn.LayerNorm's default, which mlp1 takes whatever the tower's is.
    private const float ConnectorNormEpsilon = 1e-5f;
    private readonly InternVlConfig config;
    private readonly VisionTransformer tower;
    private readonly NormWeights norm; // [4 * hidden]
    private readonly LinearWeights first; // [4 * hidden, inner]
    private readonly LinearWeights second; // [inner, embedding]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public InternVlEncoder(InternVlConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        norm = NormWeights.Load(weights, $"{config.ConnectorPrefix}.0", config.Inputs);
        first = LinearWeights.Load(weights, $"{config.ConnectorPrefix}.1", config.Inputs, config.Inner);
        second = LinearWeights.Load(weights, $"{config.ConnectorPrefix}.3", config.Inner, config.Outputs);
    }

    public override int EmbeddingWidth => config.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override int NodeCapacity => tower.NodeCapacity + 32;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, patches / 4,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = tower.Build(graph, patches);
        Tensor x = norm.Build(graph, config.Shuffle.Build(graph, features, config.Tower.PatchesPerSide), ConnectorNormEpsilon);
        return new EncoderOutputs(features, second.Build(graph, graph.GeluErf(first.Build(graph, x))));
    }
}
