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

    /// <summary>Frames without numbers, a line each (openbmb/MiniCPM-V-2_6, README.md, with use_image_id off).</summary>
    public SlicePlan PlanVideo(IReadOnlyList<PixelSize> frames, PlanRequest request)
    {
        IReadOnlyList<SlicePlan> plans = FramePlans.Of(this, frames, request);
        return config.Release == MiniCpmVRelease.V26
            ? FramePlans.Join([.. plans.Select(static plan => plan with { Layout = [.. plan.Layout.Skip(1)] })], between: "\n")
            : FramePlans.Join(plans);
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        slicer.Prepare(image, plan, cancellationToken);
}
