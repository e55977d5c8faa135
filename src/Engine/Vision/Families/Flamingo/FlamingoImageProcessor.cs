using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Flamingo;

/// <summary>
/// The shorter side brought to the tower's, bicubic, and the centre cut out, whose place is rounded to even as torchvision's CenterCrop has
/// it; one token stands for the picture. Source: mlfoundations/open_clip, src/open_clip/transform.py, image_transform.
/// </summary>
internal sealed class FlamingoImageProcessor(FlamingoConfig config) : IImageProcessor
{
    private readonly SquaredImages squared = new(
        config.Tower.ImageSize,
        AspectRatioRule.CropToEven,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [LayoutSpan.OfMemory("<image>", config.Perceiver.LatentCount, config.Perceiver.LatentCount)]
    );

    /// <exception cref="ImageTokenLimitException">The request allows fewer rows than there are latents.</exception>
    public SlicePlan Plan(PixelSize image, PlanRequest request) => squared.Plan(image, request);

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        squared.Prepare(image, cancellationToken);
}
