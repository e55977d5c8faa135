using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Flamingo;

/// <summary>
/// The shorter side brought to the tower's, bicubic, and the centre cut out, whose place is rounded to even as torchvision's CenterCrop has
/// it; one token stands for the picture. Source: mlfoundations/open_clip, src/open_clip/transform.py, image_transform.
/// </summary>
internal sealed class FlamingoImageProcessor(FlamingoConfig config)
    : SquaredImages(
        config.Tower.ImageSize,
        AspectRatioRule.CropToEven,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [LayoutSpan.OfMemory("<image>", config.Perceiver.LatentCount, config.Perceiver.LatentCount)]
    );
