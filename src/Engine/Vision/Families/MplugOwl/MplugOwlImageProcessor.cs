using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MplugOwl;

/// <summary>
/// The picture stretched to the tower's input, so that CLIP's processor has nothing left to crop. Source: X-PLUG/mPLUG-Owl,
/// mPLUG-Owl/mplug_owl/processing_mplug_owl.py, MplugOwlProcessor.
/// </summary>
internal sealed class MplugOwlImageProcessor(MplugOwlConfig config) : IImageProcessor
{
    private readonly SquaredImages squared = new(
        config.Tower.ImageSize,
        AspectRatioRule.Stretch,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [new LayoutSpan("overview", config.TokenCount)]
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request) => squared.Plan(image, request);

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        squared.Prepare(image, cancellationToken);
}
