using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>One square picture, the queries' rows before its patches'; <see cref="SquaredImages"/>.</summary>
internal sealed class InternVl1ImageProcessor(InternVl1Config config) : IImageProcessor
{
    private readonly SquaredImages squared = new(
        config.Tower.ImageSize,
        config.AspectRatio,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [new LayoutSpan("overview", config.TokenCount)]
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request) => squared.Plan(image, request);

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        squared.Prepare(image, cancellationToken);
}
