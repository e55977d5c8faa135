using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Blip2;

/// <summary>The picture stretched to the tower's square; its rows are the queries'.</summary>
internal sealed class Blip2ImageProcessor(QFormerProjectorConfig config)
    : SquaredImages(
        config.Tower.Tower.ImageSize,
        AspectRatioRule.Stretch,
        config.Tower.Tower.ImageMean,
        config.Tower.Tower.ImageDeviation,
        [new LayoutSpan("overview", config.QFormer.QueryCount)]
    );
