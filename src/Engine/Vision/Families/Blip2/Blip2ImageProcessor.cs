using Tessera.Imaging;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Blip2;

/// <summary>The picture stretched to the tower's square; its rows are the queries'.</summary>
internal sealed class Blip2ImageProcessor(QFormerProjectorConfig config) : IImageProcessor
{
    private readonly StretchedImage stretched = new(
        config.Tower.Tower.ImageSize,
        config.QFormer.QueryCount,
        new PixelNormalizer(config.Tower.Tower.ImageMean, config.Tower.Tower.ImageDeviation)
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request) => stretched.Plan(image, request);

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        stretched.Prepare(image, cancellationToken);
}
