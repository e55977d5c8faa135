using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Vila;

/// <summary>
/// VILA 1.5 stretches a picture to the tower's size, or to several scales. NVILA cuts one that is alone in its prompt into tiles, at one
/// scale or at three; beside others a picture is stretched:
/// <code>
/// NVILA-Lite  800 x 1300 -> 896 x 1344 -> 2 x 3 tiles of 448 x 448 + thumbnail
/// NVILA       800 x 1300 -> 448 x 448 + 2 x 2 tiles of 896 x 896 + 3 x 4 tiles of 1344 x 1792
/// </code>
/// Source: NVlabs/VILA, llava/mm_utils.py, process_image, dynamic_preprocess, dynamic_s2_preprocess; llava/model/llava_arch.py,
/// generate_content.
/// </summary>
internal sealed class VilaImageProcessor : IImageProcessor
{
    private static readonly TileGrid Single = new(1, 1);
    private readonly VilaConfig config;
    private readonly PixelNormalizer normalizer;
    private readonly TiledImages tiled;

    public VilaImageProcessor(VilaConfig config)
    {
        this.config = config;
        normalizer = new PixelNormalizer(config.Tower.ImageMean, config.Tower.ImageDeviation);
        tiled = new TiledImages(config.Tiles, config.TileTokens, normalizer, Layout);
    }

    public SlicePlan Plan(PixelSize image, PlanRequest request) =>
        config.Rule switch
        {
            ImageRule.Resize when config.Scales.Count > 0 => Scaled(image, request),
            ImageRule.Dynamic when request.ImageCount == 1 => tiled.Plan(image, request),
            ImageRule.DynamicScales when request.ImageCount == 1 => ScaledInRatio(image, request),
            _ => Whole(image, request),
        };

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken)
    {
        var options = new ResampleOptions(CancellationToken: cancellationToken);
        if (plan.Slices.Count == 1 || config.Rule == ImageRule.Dynamic)
            return tiled.Prepare(image, plan, cancellationToken);
        if (config.Rule == ImageRule.DynamicScales)
            return [.. config.GridsOf(plan).SelectMany(grid => tiled.Cut(image, grid.Columns, grid.Rows, options))];
        int side = config.Scales[^1] * config.Tower.ImageSize;
        PreparedSlice largest = normalizer.Normalize(Resampler.Resize(image, side, side, ResampleFilter.Bicubic, options));
        return
        [
            .. config.Scales.SelectMany(scale => PixelScales.Split(PixelScales.Shrink(largest, scale * config.Tower.ImageSize), scale)),
        ];
    }

    private SlicePlan Whole(PixelSize image, PlanRequest request)
    {
        RequireAllowed(request, 1, config.TileTokens);
        return NewPlan(image, Single, [tiled.Overview(image, config.TileTokens)], config.TileTokens);
    }

    // All scales' tiles; their features are brought to the first scale's map.
    private SlicePlan Scaled(PixelSize image, PlanRequest request)
    {
        var last = new TileGrid(config.Scales[^1], config.Scales[^1]);
        Slice[] slices =
        [
            tiled.Overview(image, config.TileTokens),
            .. config.Scales.Skip(1).SelectMany(scale => tiled.Tiles(image, new TileGrid(scale, scale), 0)),
        ];
        RequireAllowed(request, slices.Length, config.TileTokens);
        return NewPlan(image, last, slices, config.TileTokens);
    }

    // All scales' tiles; their features are brought to the last scale's map.
    private SlicePlan ScaledInRatio(PixelSize image, PlanRequest request)
    {
        TileGrid best = TileGrid.Nearest(image, config.Tiles.Grids, config.Tower.ImageSize);
        TileGrid[] allowed = [.. config.Tiles.Grids.Where(grid => request.Allows(SliceCount(grid), grid.TileCount * config.TileTokens))];
        if (allowed.Length == 0)
            return Whole(image, request) with
            {
                UnlimitedSliceCount = SliceCount(best),
                UnlimitedTokenCount = best.TileCount * config.TileTokens,
            };
        TileGrid grid = allowed.Contains(best) ? best : TileGrid.Nearest(image, allowed, config.Tower.ImageSize);
        Slice[] slices =
        [
            tiled.Overview(image, 0),
            .. config.Scales.Skip(1).SkipLast(1).SelectMany(scale => tiled.Tiles(image, new TileGrid(scale, scale), 0)),
            .. tiled.Tiles(image, grid, config.TileTokens),
        ];
        return NewPlan(image, grid, slices, grid.TileCount * config.TileTokens) with
        {
            UnlimitedSliceCount = Math.Max(SliceCount(best), slices.Length),
            UnlimitedTokenCount = best.TileCount * config.TileTokens,
        };
    }

    private int SliceCount(TileGrid last) => config.Scales.SkipLast(1).Sum(static scale => scale * scale) + last.TileCount;

    private static void RequireAllowed(PlanRequest request, int sliceCount, int tokens)
    {
        if (!request.Allows(request.MaxSlices is null ? sliceCount : 1, tokens))
            throw new ImageTokenLimitException(tokens, request.MaxImageTokens ?? 0);
    }

    private SlicePlan NewPlan(PixelSize image, TileGrid grid, Slice[] slices, int tokens) =>
        new()
        {
            Image = image,
            Columns = grid.Columns,
            Rows = grid.Rows,
            Refined = new PixelSize(grid.Columns * config.Tower.ImageSize, grid.Rows * config.Tower.ImageSize),
            Slices = slices,
            Layout = [new LayoutSpan("picture", tokens), .. EndOfImage],
            UnlimitedSliceCount = slices.Length,
        };

    // NVILA's encoder appends the embedding of a newline (llava/model/encoders/image/basic.py).
    private LayoutSpan[] EndOfImage => config.IsNvila ? [LayoutSpan.OfToken("\n")] : [];

    // Each tile is a picture of its own in the prompt, with a newline behind its placeholder (generate_content).
    private List<LayoutSpan> Layout(IReadOnlyList<Slice> slices) =>
        [
            .. slices.SelectMany(slice =>
                (LayoutSpan[])
                    [new(slice.Kind == SliceKind.Tile ? "tile" : "overview", slice.TokenCount), .. EndOfImage, LayoutSpan.OfText("\n")]
            ),
        ];
}
