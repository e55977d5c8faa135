using Tessera.Imaging;

namespace Tessera.Vision.Slicing;

/// <summary>
/// The picture stretched over the grid whose aspect ratio is nearest, its tiles row by row, and last the whole picture in one tile:
/// <code>
/// 800 x 1300 -> 896 x 1344 -> 2 x 3 tiles of 448 x 448 + thumbnail
/// </code>
/// Small pictures are enlarged and cut all the same; a grid of one tile has no thumbnail. Shared by InternVL and NVILA, which differ in
/// what they write around the slices. Source: OpenGVLab/InternVL, internvl_chat/internvl/train/dataset.py, dynamic_preprocess and
/// find_closest_aspect_ratio; NVlabs/VILA, llava/mm_utils.py, the same; Hugging Face's processor of InternVL agrees.
/// </summary>
/// <param name="rule">The grids.</param>
/// <param name="tileTokens">Rows that the connector makes of a tile.</param>
/// <param name="normalizer">For the pixels.</param>
/// <param name="lay">What stands for the picture, by its slices.</param>
internal sealed class TiledImages(
    TileRule rule,
    int tileTokens,
    PixelNormalizer normalizer,
    Func<IReadOnlyList<Slice>, IReadOnlyList<LayoutSpan>> lay
)
{
    /// <summary>The plan within the request's limits.</summary>
    /// <exception cref="TesseraException">The limits cannot be kept.</exception>
    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        TileGrid best = TileGrid.Nearest(image, rule.Grids, rule.TileSize);
        if (Allows(request, best))
            return Tiled(image, best, best.SliceCount);
        TileGrid[] allowed = [.. rule.Grids.Where(grid => Allows(request, grid))];
        if (allowed.Length > 0)
            return Tiled(image, TileGrid.Nearest(image, allowed, rule.TileSize), best.SliceCount);
        var single = new TileGrid(1, 1);
        if (!Allows(request, single))
            throw new ImageTokenLimitException(tileTokens, request.MaxImageTokens ?? 0);
        return Tiled(image, single, best.SliceCount);
    }

    /// <summary>The pixels of each slice, by Pillow's bicubic.</summary>
    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken)
    {
        var options = new ResampleOptions(CancellationToken: cancellationToken);
        PreparedSlice thumbnail = normalizer.Normalize(
            Resampler.Resize(image, rule.TileSize, rule.TileSize, ResampleFilter.Bicubic, options)
        );
        return plan.Slices.Count == 1 ? [thumbnail] : [.. Cut(image, plan.Columns, plan.Rows, options), thumbnail];
    }

    /// <summary>The tiles of a picture stretched over a grid, row by row.</summary>
    public IEnumerable<PreparedSlice> Cut(RgbImage image, int columns, int rows, ResampleOptions options)
    {
        int size = rule.TileSize;
        RgbImage stretched = Resampler.Resize(image, columns * size, rows * size, ResampleFilter.Bicubic, options);
        return Enumerable
            .Range(0, columns * rows)
            .Select(index => normalizer.Normalize(stretched.Crop(index % columns * size, index / columns * size, size, size)));
    }

    /// <summary>The tiles of a grid, row by row.</summary>
    public IEnumerable<Slice> Tiles(PixelSize image, TileGrid grid, int tokens)
    {
        double width = (double)image.Width / grid.Columns,
            height = (double)image.Height / grid.Rows;
        for (int index = 0; index < grid.TileCount; index++)
        {
            int row = index / grid.Columns,
                column = index % grid.Columns;
            yield return NewSlice(SliceKind.Tile, row, column, tokens, new SourceRectangle(column * width, row * height, width, height));
        }
    }

    /// <summary>The whole picture in one tile.</summary>
    public Slice Overview(PixelSize image, int tokens) => NewSlice(SliceKind.Overview, 0, 0, tokens, SourceRectangle.Whole(image));

    private bool Allows(PlanRequest request, TileGrid grid) => request.Allows(grid.SliceCount, grid.SliceCount * tileTokens);

    private SlicePlan Tiled(PixelSize image, TileGrid grid, int unlimitedSliceCount)
    {
        Slice overview = Overview(image, tileTokens);
        Slice[] slices = grid.TileCount == 1 ? [overview] : [.. Tiles(image, grid, tileTokens), overview];
        return new SlicePlan
        {
            Image = image,
            Columns = grid.Columns,
            Rows = grid.Rows,
            Refined = new PixelSize(grid.Columns * rule.TileSize, grid.Rows * rule.TileSize),
            Slices = slices,
            Layout = lay(slices),
            UnlimitedSliceCount = Math.Max(unlimitedSliceCount, slices.Length),
        };
    }

    private Slice NewSlice(SliceKind kind, int row, int column, int tokens, SourceRectangle source) =>
        new(kind, row, column, new PixelSize(rule.TileSize, rule.TileSize), tokens, source);
}
