using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>One square picture, the queries' rows before its patches'; <see cref="SquaredImages"/>.</summary>
internal sealed class InternVl1ImageProcessor(InternVl1Config config)
    : SquaredImages(
        config.Tower.ImageSize,
        config.AspectRatio,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation,
        [new LayoutSpan("overview", config.TokenCount)]
    );
