using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Llava;

/// <summary>One square picture; <see cref="SquaredImages"/>.</summary>
internal sealed class LlavaImageProcessor(LlavaConfig config, Preprocessing preprocessing)
    : SquaredImages(
        config.Tower.ImageSize,
        preprocessing == Preprocessing.Transformers && config.AspectRatio == AspectRatioRule.Pad
            ? AspectRatioRule.Crop
            : config.AspectRatio,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        Layout(config)
    )
{
    // haotian-liu/LLaVA, llava/eval/run_llava.py, mm_use_im_start_end.
    private static LayoutSpan[] Layout(LlavaConfig config)
    {
        var rows = new LayoutSpan("overview", config.Tower.PatchCount);
        return config.HasEndTokens ? [LayoutSpan.OfText("<im_start>"), rows, LayoutSpan.OfText("<im_end>")] : [rows];
    }
}
