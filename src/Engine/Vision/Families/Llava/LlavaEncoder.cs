using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Llava;

/// <summary>
/// The tower and the connector. Source: haotian-liu/LLaVA, llava/model/multimodal_encoder/clip_encoder.py.
/// </summary>
internal sealed class LlavaEncoder : SliceEncoder
{
    private readonly LlavaConfig config;
    private readonly VisionTransformer tower;
    private readonly MlpConnector connector; // [hidden] -> [embedding]
    private readonly float[] positions; // [hidden, 1 + patches], where the stored table is of another size; else empty

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public LlavaEncoder(LlavaConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        connector = new MlpConnector(config.Connector, weights);
        positions = config.Tower.HasLayerScale ? InternVit.ResizedPositions(config.Tower, weights) : [];
    }

    public override int EmbeddingWidth => config.Connector.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override int NodeCapacity => tower.NodeCapacity + 16;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, patches,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor slicePositions =
            positions.Length == 0
                ? default
                : graph.Input("positions", positions, config.Tower.HiddenSize, positions.Length / config.Tower.HiddenSize);
        Tensor features = tower.Build(graph, patches, slicePositions);
        return new EncoderOutputs(features, connector.Build(graph, features));
    }
}
