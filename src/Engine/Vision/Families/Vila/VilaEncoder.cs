using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Vila;

/// <summary>
/// The tower, the shuffle and the connector on every slice; the slices' tokens follow each other. Source: NVlabs/VILA,
/// llava/model/llava_arch.py, encode_images; llava/model/multimodal_encoder/vision_encoder.py.
/// </summary>
internal sealed class VilaEncoder : SliceEncoder
{
    private readonly VilaConfig config;
    private readonly VisionTransformer tower;
    private readonly DownsampleConnector connector;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public VilaEncoder(VilaConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        connector = new DownsampleConnector(config.Connector, config.Shuffle, weights);
    }

    public override int EmbeddingWidth => config.Connector.Outputs;

    public override int NodeCapacity => tower.NodeCapacity + DownsampleConnector.NodeCapacity;

    protected override VisionTransformerConfig Tower => config.Tower;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, tokens,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = tower.Build(graph, patches);
        return new EncoderOutputs(features, connector.Build(graph, features, config.Tower.PatchesPerSide));
    }
}
