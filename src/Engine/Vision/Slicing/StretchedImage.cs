using Tessera.Imaging;

namespace Tessera.Vision.Slicing;

/// <summary>
/// One picture stretched to the tower's square, bicubic, whatever its shape (salesforce/LAVIS, lavis/processors/blip_processors.py,
/// BlipImageEvalProcessor; Pillow's filter and rounding).
/// </summary>
/// <param name="side">Side of the tower's input in pixels.</param>
/// <param name="tokenCount">Embeddings of a picture.</param>
/// <param name="normalizer">Normalises it.</param>
internal sealed class StretchedImage(int side, int tokenCount, PixelNormalizer normalizer)
{
    /// <summary>The one slice; nothing stands around it.</summary>
    /// <exception cref="ImageTokenLimitException">The request allows fewer embeddings.</exception>
    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        if (!request.Allows(1, tokenCount))
            throw new ImageTokenLimitException(tokenCount, request.MaxImageTokens ?? 0);
        var input = new PixelSize(side, side);
        return new SlicePlan
        {
            Image = image,
            Refined = input,
            Slices = [new Slice(SliceKind.Overview, 0, 0, input, tokenCount, SourceRectangle.Whole(image))],
            Layout = [new LayoutSpan("overview", tokenCount)],
            UnlimitedSliceCount = 1,
        };
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, CancellationToken cancellationToken) =>
        [
            normalizer.Normalize(
                Resampler.Resize(image, side, side, ResampleFilter.Bicubic, new ResampleOptions(CancellationToken: cancellationToken))
            ),
        ];
}
