using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>
/// 2.6's slices in sizes that the mergers divide, and 2.6's tokens around them:
/// <code>
/// 800 x 1300 at 448 -> overview 336 x 560, refined 896 x 1344 -> 2 x 3 tiles of 448 x 448, 64 tokens each
/// </code>
/// Source: huggingface/transformers v5.12, models/minicpmv4_6/image_processing_pil_minicpmv4_6.py and processing_minicpmv4_6.py.
/// </summary>
internal sealed class MiniCpmV46ImageProcessor(MiniCpmV46Config config) : IImageProcessor
{
    private readonly SlicedImages slicer = new(config.Slices, config.TokensOf, config.Tower.ImageMean, config.Tower.ImageDeviation);

    public SlicePlan Plan(PixelSize image, PlanRequest request) =>
        slicer.Plan(image, request, plan => MiniCpmVLayout.Numbered(plan, request.ImageIndex));

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        slicer.Prepare(image, plan, cancellationToken);
}
