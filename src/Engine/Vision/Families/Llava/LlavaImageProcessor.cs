using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Llava;

/// <summary>
/// One square picture. Pad: a square canvas of the mean colour, the picture in its middle, bicubic to the input (haotian-liu/LLaVA:
/// llava/mm_utils.py, expand2square). Crop: shorter side to the input, bicubic, centre cut out (huggingface/transformers v5.12:
/// models/clip/image_processing_pil_clip.py). Stretch: bicubic to the input, no aspect kept (LLaVA-VL/LLaVA-NeXT:
/// llava/model/multimodal_encoder/siglip_encoder.py). Pillow's filters and rounding in all.
/// </summary>
internal sealed class LlavaImageProcessor : IImageProcessor
{
    private readonly int inputSize;
    private readonly int tokenCount;
    private readonly AspectRatioRule rule;
    private readonly Rgb padColour;
    private readonly PixelNormalizer normalizer;

    public LlavaImageProcessor(LlavaConfig config, Preprocessing preprocessing)
    {
        inputSize = config.Tower.ImageSize;
        tokenCount = config.Tower.PatchCount;
        rule =
            preprocessing == Preprocessing.Transformers && config.AspectRatio == AspectRatioRule.Pad
                ? AspectRatioRule.Crop
                : config.AspectRatio;
        normalizer = new PixelNormalizer(config.Tower.ImageMean, config.Tower.ImageDeviation);
        padColour = Rgb.Mean(config.Tower.ImageMean);
    }

    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        if (!request.Allows(1, tokenCount))
            throw new ImageTokenLimitException(tokenCount, request.MaxImageTokens ?? 0);
        var input = new PixelSize(inputSize, inputSize);
        return new SlicePlan
        {
            Image = image,
            Refined = input,
            Slices = [new Slice(SliceKind.Overview, 0, 0, input, tokenCount, Source(image))],
            Layout = [new LayoutSpan("overview", tokenCount)],
            UnlimitedSliceCount = 1,
        };
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken)
    {
        RgbImage square = rule switch
        {
            AspectRatioRule.Pad => SquareImages.PadAndResize(image, inputSize, padColour, cancellationToken),
            AspectRatioRule.Crop => SquareImages.ResizeAndCrop(image, inputSize, cancellationToken),
            _ => Resampler.Resize(
                image,
                inputSize,
                inputSize,
                ResampleFilter.Bicubic,
                new ResampleOptions(CancellationToken: cancellationToken)
            ),
        };
        return [normalizer.Normalize(square)];
    }

    private SourceRectangle Source(PixelSize image)
    {
        if (rule == AspectRatioRule.Stretch)
            return SourceRectangle.Whole(image);
        double side = rule == AspectRatioRule.Pad ? Math.Max(image.Width, image.Height) : Math.Min(image.Width, image.Height);
        return new SourceRectangle((image.Width - side) / 2, (image.Height - side) / 2, side, side);
    }
}
