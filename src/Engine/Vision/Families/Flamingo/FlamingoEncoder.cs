using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Flamingo;

/// <summary>Tower and resampler on every picture; what comes out is what the language model's layers look at. Source:
/// mlfoundations/open_flamingo, open_flamingo/src/flamingo.py, _encode_vision_x.</summary>
internal sealed class FlamingoEncoder : SliceEncoder
{
    private readonly FlamingoConfig config;
    private readonly VisionTransformer tower;
    private readonly LatentPerceiver perceiver;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public FlamingoEncoder(FlamingoConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        perceiver = new LatentPerceiver(config.Perceiver, weights);
    }

    public override int EmbeddingWidth => config.LanguageWidth;

    public override int NodeCapacity => tower.NodeCapacity + perceiver.NodeCapacity;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => [.. base.Encode(media, runner, progress, cancellationToken).Select(static made => new EncodedMedia([], made.Rows))];

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and latents [hidden, latents,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = tower.Build(graph, patches);
        return new EncoderOutputs(features, perceiver.Build(graph, features));
    }
}
