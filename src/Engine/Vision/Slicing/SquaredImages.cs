using Tessera.Imaging;

namespace Tessera.Vision.Slicing;

/// <summary>How a picture that is not square is brought to the tower's square input.</summary>
internal enum AspectRatioRule
{
    /// <summary>Padded to a square with the mean colour, then resized (LLaVA-1.5).</summary>
    Pad,

    /// <summary>Shorter side resized to the input's, then the centre cut out, as CLIP's processor does (LLaVA-1, mPLUG-Owl).</summary>
    Crop,

    /// <summary>The same with the centre's place rounded to even, as torchvision's CenterCrop has it (OpenFlamingo).</summary>
    CropToEven,

    /// <summary>Stretched to the square, as SigLIP's processor does (LLaVA-NeXT-Interleave, GLM-4V, BLIP).</summary>
    Stretch,

    /// <summary>Stretched to a square of the longer side, which is resized (mPLUG-Owl2).</summary>
    StretchFirst,
}

/// <summary>
/// One square slice of each picture. Pad: a square canvas of the mean colour, the picture in its middle, bicubic to the input
/// (haotian-liu/LLaVA: llava/mm_utils.py, expand2square). Crop: shorter side to the input, bicubic, centre cut out
/// (huggingface/transformers v5.12: models/clip/image_processing_pil_clip.py; pytorch/vision: transforms/functional.py). Stretch: bicubic
/// to the input, no aspect kept (LLaVA-VL/LLaVA-NeXT: llava/model/multimodal_encoder/siglip_encoder.py; salesforce/LAVIS:
/// lavis/processors/blip_processors.py, BlipImageEvalProcessor). StretchFirst: bicubic to a square of the longer side, and from that to the
/// input (X-PLUG/mPLUG-Owl: mPLUG-Owl2/mplug_owl2/mm_utils.py, process_images). Pillow's filters and rounding in all.
/// </summary>
/// <param name="inputSize">Side of the tower's input in pixels.</param>
/// <param name="rule">How pictures are brought to it.</param>
/// <param name="mean">Mean of the tower's pixels, which is also the colour of padding.</param>
/// <param name="deviation">Their deviation.</param>
/// <param name="layout">What stands for a picture in the prompt.</param>
internal abstract class SquaredImages(
    int inputSize,
    AspectRatioRule rule,
    IReadOnlyList<float> mean,
    IReadOnlyList<float> deviation,
    IReadOnlyList<LayoutSpan> layout
) : IImageProcessor
{
    private readonly int tokenCount = layout.Sum(static span => span.RowCount + span.MemoryTokenCount);
    private readonly Rgb padColour = Rgb.Mean(mean);
    private readonly PixelNormalizer normalizer = new(mean, deviation);

    /// <exception cref="ImageTokenLimitException">The request allows fewer embeddings than a picture has.</exception>
    public virtual SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        if (!request.Allows(1, tokenCount))
            throw new ImageTokenLimitException(tokenCount, request.MaxImageTokens ?? 0);
        var input = new PixelSize(inputSize, inputSize);
        return new SlicePlan
        {
            Image = image,
            Refined = input,
            Slices = [new Slice(SliceKind.Overview, 0, 0, input, tokenCount, Source(image))],
            Layout = layout,
            UnlimitedSliceCount = 1,
        };
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken)
    {
        RgbImage square = rule switch
        {
            AspectRatioRule.Pad => SquareImages.PadAndResize(image, inputSize, padColour, cancellationToken),
            AspectRatioRule.Crop => SquareImages.ResizeAndCrop(image, inputSize, cancellationToken),
            AspectRatioRule.CropToEven => SquareImages.ResizeAndCrop(image, inputSize, cancellationToken, roundsToEven: true),
            AspectRatioRule.StretchFirst => SquareImages.StretchAndResize(image, inputSize, cancellationToken),
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
        if (rule is AspectRatioRule.Stretch or AspectRatioRule.StretchFirst)
            return SourceRectangle.Whole(image);
        double side = rule == AspectRatioRule.Pad ? Math.Max(image.Width, image.Height) : Math.Min(image.Width, image.Height);
        return new SourceRectangle((image.Width - side) / 2, (image.Height - side) / 2, side, side);
    }
}
