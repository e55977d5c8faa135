using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Idefics;

/// <summary>
/// The picture stretched to the tower's square. It stands in the prompt as one token between two others, of which neighbours share one.
/// Source: huggingface/transformers v5.12, models/idefics/processing_idefics.py and image_processing_pil_idefics.py.
/// </summary>
internal sealed class IdeficsImageProcessor(IdeficsConfig config) : IImageProcessor
{
    private const string Around = "<fake_token_around_image>";
    private readonly StretchedImage stretched = new(
        config.Tower.ImageSize,
        config.Perceiver.LatentCount,
        new PixelNormalizer(config.Tower.ImageMean, config.Tower.ImageDeviation)
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request) =>
        stretched.Plan(image, request) with
        {
            Layout =
            [
                LayoutSpan.OfToken(Around) with
                {
                    IsSharedByNeighbours = true,
                },
                LayoutSpan.OfMemory("<image>", config.Perceiver.LatentCount, config.Perceiver.LatentCount),
                LayoutSpan.OfToken(Around),
            ],
        };

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        stretched.Prepare(image, cancellationToken);
}
