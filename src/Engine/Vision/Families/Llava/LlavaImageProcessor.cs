using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Llava;

/// <summary>One square picture; <see cref="SquaredImages"/>.</summary>
internal sealed class LlavaImageProcessor(LlavaConfig config, Preprocessing preprocessing) : IImageProcessor
{
    private readonly SquaredImages squared = new(
        config.Tower.ImageSize,
        preprocessing == Preprocessing.Transformers && config.AspectRatio == AspectRatioRule.Pad
            ? AspectRatioRule.Crop
            : config.AspectRatio,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [new LayoutSpan("overview", config.Tower.PatchCount)]
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request) => squared.Plan(image, request);

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        squared.Prepare(image, cancellationToken);
}
