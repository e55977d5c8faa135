using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MplugOwl2;

/// <summary>
/// The picture stretched to a square of its longer side, so that CLIP's processor resizes and has nothing to crop. Source:
/// X-PLUG/mPLUG-Owl, mPLUG-Owl2/mplug_owl2/mm_utils.py, process_images, and README.md.
/// </summary>
internal sealed class MplugOwl2ImageProcessor(MplugOwl2Config config) : IImageProcessor
{
    private readonly SquaredImages squared = new(
        config.Tower.ImageSize,
        AspectRatioRule.StretchFirst,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [new LayoutSpan("overview", config.TokenCount)]
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request) => squared.Plan(image, request);

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        squared.Prepare(image, cancellationToken);
}
