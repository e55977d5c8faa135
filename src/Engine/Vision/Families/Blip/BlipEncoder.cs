using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip;

/// <summary>The tower on every picture; what comes out is what the decoder looks at.</summary>
internal sealed class BlipEncoder : SliceEncoder
{
    private readonly BlipConfig config;
    private readonly EvaTower tower;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public BlipEncoder(BlipConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new EvaTower(config.Tower, weights);
    }

    public override int EmbeddingWidth => config.LanguageWidth;

    public override int NodeCapacity => tower.NodeCapacity;

    protected override VisionTransformerConfig Tower => config.Tower.Tower;

    public override IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => [.. base.Encode(media, runner, progress, cancellationToken).Select(static made => new EncodedMedia([], made.Rows))];

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, 1 + patches, slices], which are the rows.</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = tower.Build(graph, patches);
        return new EncoderOutputs(features, features);
    }
}
