using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MiniGpt;

/// <summary>The picture stretched to the tower's square, its rows between two texts.</summary>
internal sealed class MiniGptImageProcessor(MiniGptConfig config)
    : SquaredImages(
        config.Tower.Tower.ImageSize,
        AspectRatioRule.Stretch,
        config.Tower.Tower.ImageMean,
        config.Tower.Tower.ImageDeviation,
        [LayoutSpan.OfText("<Img>"), new LayoutSpan("overview", config.RowCount), LayoutSpan.OfText("</Img>")]
    );
