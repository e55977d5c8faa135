using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.LlavaNext;

/// <summary>
/// The overview stretched to one tile, then the picture on a canvas of tiles:
/// <code>
/// 800 x 1300 -> 414 x 672, centred on 672 x 672 -> overview + 2 x 2 tiles of 336 x 336
/// </code>
/// Source: haotian-liu/LLaVA, llava/mm_utils.py, process_anyres_image; LLaVA-VL/LLaVA-NeXT, the same file. Hugging Face's reading of
/// the canvases is height first, which decides ties the other way.
/// </summary>
internal sealed class LlavaNextImageProcessor : IImageProcessor
{
    private readonly LlavaNextConfig config;
    private readonly bool likeTransformers;
    private readonly IReadOnlyList<PixelSize> canvases;
    private readonly PixelNormalizer normalizer;
    private readonly int tileSize;
    private readonly int tileTokens;

    public LlavaNextImageProcessor(LlavaNextConfig config, Preprocessing preprocessing)
    {
        this.config = config;
        likeTransformers = preprocessing == Preprocessing.Transformers;
        canvases = likeTransformers
            ? [.. config.Canvases.Select(static canvas => new PixelSize(canvas.Height, canvas.Width))]
            : config.Canvases;
        normalizer = new PixelNormalizer(config.Tower.ImageMean, config.Tower.ImageDeviation);
        tileSize = config.Tower.ImageSize;
        tileTokens = config.Tower.PatchCount;
    }

    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        if (config.PadsSeveralImages && request.ImageCount > 1)
            return OverviewOnly(image, request);
        SlicePlan best = Tiled(image, canvases);
        if (request.Allows(best.Slices.Count, best.ImageTokenCount))
            return best;
        PixelSize[] allowed =
        [
            .. canvases.Where(canvas =>
                Tiled(image, [canvas]) is SlicePlan plan && request.Allows(plan.Slices.Count, plan.ImageTokenCount)
            ),
        ];
        SlicePlan limited = allowed.Length > 0 ? Tiled(image, allowed) : OverviewOnly(image, request);
        return limited with { UnlimitedSliceCount = best.Slices.Count, UnlimitedTokenCount = best.ImageTokenCount };
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken)
    {
        var options = new ResampleOptions(CancellationToken: cancellationToken);
        if (plan.Slices.Count == 1)
        {
            RgbImage single = IsPadded(plan)
                ? SquareImages.PadAndResize(image, tileSize, Rgb.Mean(config.Tower.ImageMean), cancellationToken)
                : Resampler.Resize(image, tileSize, tileSize, ResampleFilter.Bicubic, options);
            return [normalizer.Normalize(single)];
        }

        CanvasFit fit = config.Fit(plan.Image, plan.Refined);
        RgbImage overview = Resampler.Resize(image, tileSize, tileSize, ResampleFilter.Bicubic, options);
        return
        [
            normalizer.Normalize(overview),
            .. AnyResolution.CutTiles(image, fit, tileSize, cancellationToken).Select(normalizer.Normalize),
        ];
    }

    public SlicePlan PlanVideo(IReadOnlyList<PixelSize> frames, PlanRequest request) => VideoPlan.Of(config, frames, request);

    public IReadOnlyList<PreparedSlice> PrepareVideo(IReadOnlyList<RgbImage> frames, SlicePlan plan, CancellationToken cancellationToken) =>
        [.. frames.Select(frame => normalizer.Normalize(VideoPlan.Fit(config, frame, cancellationToken)))];

    private SlicePlan Tiled(PixelSize image, IReadOnlyList<PixelSize> choices)
    {
        PixelSize canvas = AnyResolution.SelectBest(image, choices);
        CanvasFit fit = config.Fit(image, canvas);
        int columns = canvas.Width / tileSize,
            rows = canvas.Height / tileSize;
        var slices = new List<Slice> { Overview(SourceRectangle.Whole(image)) };
        for (int index = 0; index < columns * rows; index++)
        {
            int row = index / columns,
                column = index % columns;
            slices.Add(
                new Slice(
                    SliceKind.Tile,
                    row,
                    column,
                    new PixelSize(tileSize, tileSize),
                    tileTokens,
                    AnyResolution.SourceOf(image, fit, tileSize, row, column)
                )
            );
        }

        return new SlicePlan
        {
            Image = image,
            Columns = columns,
            Rows = rows,
            Refined = canvas,
            Slices = slices,
            Layout = TiledLayout(LlavaNextMap.Plan(config, image, fit, likeTransformers), columns * rows),
            UnlimitedSliceCount = slices.Count,
        };
    }

    // One tile only: its features, and a newline where the merge has them (llava_arch.py, the branch for a single patch).
    private SlicePlan OverviewOnly(PixelSize image, PlanRequest request)
    {
        bool padded = request.ImageCount > 1 && config.PadsSeveralImages;
        double side = Math.Max(image.Width, image.Height);
        var source = padded
            ? new SourceRectangle((image.Width - side) / 2, (image.Height - side) / 2, side, side)
            : SourceRectangle.Whole(image);
        List<LayoutSpan> layout = [new LayoutSpan("overview", tileTokens)];
        if (config.NewlineTensor is not null)
            layout.Add(new LayoutSpan("newline", 1));
        int tokens = layout.Sum(static span => span.RowCount);
        if (!request.Allows(1, tokens))
            throw new ImageTokenLimitException(tokens, request.MaxImageTokens ?? 0);
        return new SlicePlan
        {
            Image = image,
            Refined = new PixelSize(tileSize, tileSize),
            Slices = [Overview(source)],
            Layout = layout,
            UnlimitedSliceCount = 1,
        };
    }

    private Slice Overview(SourceRectangle source) => new(SliceKind.Overview, 0, 0, new PixelSize(tileSize, tileSize), tileTokens, source);

    private static bool IsPadded(SlicePlan plan) => plan.Slices[0].Source != SourceRectangle.Whole(plan.Image);

    private List<LayoutSpan> TiledLayout(LlavaNextMap map, int tileCount)
    {
        var layout = new List<LayoutSpan>();
        if (config.NewlineOnOverview)
            AddRows(layout, "overview", config.Tower.PatchesPerSide, config.Tower.PatchesPerSide);
        else
            layout.Add(new LayoutSpan("overview", tileTokens));
        if (config.Merge == PatchMerge.SpatialUnpad)
            AddRows(layout, "row", map.Columns, map.Rows);
        else if (config.Merge == PatchMerge.Spatial)
            layout.AddRange(Enumerable.Repeat(new LayoutSpan("row", map.Columns), map.Rows));
        else
            layout.AddRange(Enumerable.Repeat(new LayoutSpan("tile", tileTokens), tileCount));
        return layout;
    }

    private static void AddRows(List<LayoutSpan> layout, string kind, int columns, int rows)
    {
        for (int row = 0; row < rows; row++)
        {
            layout.Add(new LayoutSpan(kind, columns));
            layout.Add(new LayoutSpan("newline", 1));
        }
    }
}
