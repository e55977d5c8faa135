using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.InternVl;

/// <summary>
/// The picture stretched over the grid whose aspect ratio is nearest, its tiles row by row, and last the whole picture in one tile:
/// <code>
/// 800 x 1300 -> 896 x 1344 -> 2 x 3 tiles of 448 x 448 + thumbnail
/// </code>
/// Small pictures are enlarged and cut all the same; a grid of one tile has no thumbnail. Source: OpenGVLab/InternVL,
/// internvl_chat/internvl/train/dataset.py, dynamic_preprocess and find_closest_aspect_ratio; Hugging Face's processor agrees.
/// </summary>
internal sealed class InternVlImageProcessor : IImageProcessor
{
    private readonly InternVlConfig config;
    private readonly IReadOnlyList<TileGrid> grids;
    private readonly PixelNormalizer normalizer;
    private readonly int tileSize;

    public InternVlImageProcessor(InternVlConfig config)
    {
        this.config = config;
        grids = TileGrid.All(config.MinTiles, config.MaxTiles);
        normalizer = new PixelNormalizer(config.Tower.ImageMean, config.Tower.ImageDeviation);
        tileSize = config.Tower.ImageSize;
    }

    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        TileGrid best = TileGrid.Nearest(image, grids, tileSize);
        if (Allows(request, best))
            return Tiled(image, best, best.SliceCount);
        TileGrid[] allowed = [.. grids.Where(grid => Allows(request, grid))];
        if (allowed.Length > 0)
            return Tiled(image, TileGrid.Nearest(image, allowed, tileSize), best.SliceCount);
        var single = new TileGrid(1, 1);
        if (!Allows(request, single))
            throw new ImageTokenLimitException(config.TileTokens, request.MaxImageTokens ?? 0);
        return Tiled(image, single, best.SliceCount);
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken)
    {
        var options = new ResampleOptions(CancellationToken: cancellationToken);
        PreparedSlice thumbnail = normalizer.Normalize(Resampler.Resize(image, tileSize, tileSize, ResampleFilter.Bicubic, options));
        if (plan.Slices.Count == 1)
            return [thumbnail];
        RgbImage stretched = Resampler.Resize(image, plan.Refined.Width, plan.Refined.Height, ResampleFilter.Bicubic, options);
        IEnumerable<PreparedSlice> tiles = plan
            .Slices.Where(static slice => slice.Kind == SliceKind.Tile)
            .Select(slice => normalizer.Normalize(stretched.Crop(slice.Column * tileSize, slice.Row * tileSize, tileSize, tileSize)));
        return [.. tiles, thumbnail];
    }

    /// <summary>One tile a frame, each with its number (OpenGVLab/InternVL2-8B, README.md).</summary>
    public SlicePlan PlanVideo(IReadOnlyList<PixelSize> frames, PlanRequest request) =>
        FramePlans.Join(FramePlans.Of(this, frames, request), static index => $"Frame{index + 1}: ", "\n");

    private bool Allows(PlanRequest request, TileGrid grid) => request.Allows(grid.SliceCount, grid.SliceCount * config.TileTokens);

    private SlicePlan Tiled(PixelSize image, TileGrid grid, int unlimitedSliceCount)
    {
        var slices = new List<Slice>();
        double width = (double)image.Width / grid.Columns,
            height = (double)image.Height / grid.Rows;
        for (int index = 0; grid.TileCount > 1 && index < grid.TileCount; index++)
        {
            int row = index / grid.Columns,
                column = index % grid.Columns;
            slices.Add(NewSlice(SliceKind.Tile, row, column, new SourceRectangle(column * width, row * height, width, height)));
        }

        slices.Add(NewSlice(SliceKind.Overview, 0, 0, SourceRectangle.Whole(image)));
        return new SlicePlan
        {
            Image = image,
            Columns = grid.Columns,
            Rows = grid.Rows,
            Refined = new PixelSize(grid.Columns * tileSize, grid.Rows * tileSize),
            Slices = slices,
            Layout = Layout(slices),
            UnlimitedSliceCount = Math.Max(unlimitedSliceCount, slices.Count),
        };
    }

    private Slice NewSlice(SliceKind kind, int row, int column, SourceRectangle source) =>
        new(kind, row, column, new PixelSize(tileSize, tileSize), config.TileTokens, source);

    private static List<LayoutSpan> Layout(List<Slice> slices) =>
        [
            LayoutSpan.OfText("<img>"),
            .. slices.Select(static slice => new LayoutSpan(slice.Kind == SliceKind.Tile ? "tile" : "overview", slice.TokenCount)),
            LayoutSpan.OfText("</img>"),
        ];
}
