using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Idefics;

/// <summary>
/// The picture stretched to the tower's square. It stands in the prompt as one token between two others, of which neighbours share one.
/// Source: huggingface/transformers v5.12, models/idefics/processing_idefics.py and image_processing_pil_idefics.py.
/// </summary>
internal sealed class IdeficsImageProcessor(IdeficsConfig config)
    : SquaredImages(
        config.Tower.ImageSize,
        AspectRatioRule.Stretch,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [
            LayoutSpan.OfToken(Around) with
            {
                IsSharedByNeighbours = true,
            },
            LayoutSpan.OfMemory("<image>", config.Perceiver.LatentCount, config.Perceiver.LatentCount),
            LayoutSpan.OfToken(Around),
        ]
    )
{
    private const string Around = "<fake_token_around_image>";
}
