using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.InternVl;

/// <summary>Tiles and thumbnail, one after another between two texts; <see cref="TiledImages"/>.</summary>
internal sealed class InternVlImageProcessor(InternVlConfig config) : IImageProcessor
{
    private readonly TiledImages tiled = new(
        config.Tiles,
        config.TileTokens,
        new PixelNormalizer(config.Tower.ImageMean, config.Tower.ImageDeviation),
        Layout
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request) => tiled.Plan(image, request);

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        tiled.Prepare(image, plan, cancellationToken);

    /// <summary>One tile a frame, each with its number (OpenGVLab/InternVL2-8B, README.md).</summary>
    public SlicePlan PlanVideo(IReadOnlyList<PixelSize> frames, PlanRequest request) =>
        FramePlans.Join(FramePlans.Of(this, frames, request), static index => $"Frame{index + 1}: ", "\n");

    private static List<LayoutSpan> Layout(IReadOnlyList<Slice> slices) =>
        [
            LayoutSpan.OfText("<img>"),
            .. slices.Select(static slice => new LayoutSpan(slice.Kind == SliceKind.Tile ? "tile" : "overview", slice.TokenCount)),
            LayoutSpan.OfText("</img>"),
        ];
}
