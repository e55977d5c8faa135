using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>The slices of MiniCPM-V 2.0 to 4.5, and the tokens around them (<see cref="MiniCpmVLayout"/>).</summary>
internal sealed class MiniCpmVImageProcessor(MiniCpmVConfig config) : IImageProcessor
{
    private readonly SlicedImages slicer = new(
        new SliceRule(config.Tower.ImageSize, config.Tower.PatchSize, config.MaxTiles, DivideRule.Round),
        _ => config.Resampler.QueryCount,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request) =>
        slicer.Plan(
            image,
            request,
            plan => config.Release == MiniCpmVRelease.V26 ? MiniCpmVLayout.Numbered(plan, request.ImageIndex) : MiniCpmVLayout.Nested(plan)
        );

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        slicer.Prepare(image, plan, cancellationToken);
}
