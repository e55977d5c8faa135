using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MiniGpt;

/// <summary>The picture stretched to the tower's square, its rows between two texts.</summary>
internal sealed class MiniGptImageProcessor(MiniGptConfig config) : IImageProcessor
{
    private readonly StretchedImage stretched = new(
        config.Tower.Tower.ImageSize,
        config.RowCount,
        new PixelNormalizer(config.Tower.Tower.ImageMean, config.Tower.Tower.ImageDeviation)
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        SlicePlan plan = stretched.Plan(image, request);
        return plan with { Layout = [LayoutSpan.OfText("<Img>"), .. plan.Layout, LayoutSpan.OfText("</Img>")] };
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        stretched.Prepare(image, cancellationToken);
}
