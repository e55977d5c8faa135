using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.LlavaUhd;

/// <summary>
/// The tiles row by row, then the overview; a comma after each tile and a newline after the last of a row:
/// <code>
/// 630 x 1024 at 336 -> refined 644 x 1008 -> 2 x 3 tiles of 322 x 336, overview 252 x 420:  tile,tile\n tile,tile\n tile,tile\n overview
/// </code>
/// Source: thunlp/LLaVA-UHD, branch LLaVA-UHD-v1, llava/slice_process.py and llava/model/llava_arch.py; arXiv 2403.11703, section 3.3.
/// </summary>
internal sealed class LlavaUhdImageProcessor(LlavaUhdConfig config) : IImageProcessor
{
    private readonly SlicedImages slicer = new(
        new SliceRule(config.Tower.ImageSize, config.Tower.PatchSize, config.MaxTiles, DivideRule.Floor),
        _ => config.Resampler.QueryCount,
        config.Tower.ImageMean,
        config.Tower.ImageDeviation
    );

    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        PixelSize scaled = Scaled(image);
        SlicePlan plan = slicer.Plan(scaled, request, Layout);
        if (!config.OverviewFirst)
            plan = plan with { Slices = [.. plan.Slices.Skip(1), plan.Slices[0]] };
        double across = (double)image.Width / scaled.Width,
            down = (double)image.Height / scaled.Height;
        return plan with
        {
            Image = image,
            Slices = [.. plan.Slices.Select(slice => slice with { Source = Of(slice.Source, across, down) })],
        };
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken)
    {
        PixelSize scaled = Scaled(plan.Image);
        RgbImage whole = Resampler.Resize(
            image,
            scaled.Width,
            scaled.Height,
            ResampleFilter.Bicubic,
            new ResampleOptions(CancellationToken: cancellationToken)
        );
        return slicer.Prepare(whole, plan, cancellationToken);
    }

    // llava/slice_process.py, resize_image_keep_ratio: up or down, and the shorter side truncated.
    private PixelSize Scaled(PixelSize image)
    {
        int longest = config.LongestSide;
        if (longest == 0)
            return image;
        return image.Width > image.Height
            ? new PixelSize(longest, Math.Max(1, (int)((double)longest / image.Width * image.Height)))
            : new PixelSize(Math.Max(1, (int)((double)longest / image.Height * image.Width)), longest);
    }

    private static SourceRectangle Of(SourceRectangle scaled, double across, double down) =>
        new(scaled.Left * across, scaled.Top * down, scaled.Width * across, scaled.Height * down);

    private List<LayoutSpan> Layout(SlicePlan plan)
    {
        var overview = new LayoutSpan("overview", config.Resampler.QueryCount);
        if (plan.Slices.Count == 1)
            return [overview];
        var tile = new LayoutSpan("tile", config.Resampler.QueryCount);
        var layout = new List<LayoutSpan>();
        for (int row = 0; row < plan.Rows; row++)
        {
            for (int column = 0; column < plan.Columns; column++)
            {
                layout.Add(tile);
                layout.Add(LayoutSpan.OfToken(column < plan.Columns - 1 ? "," : "\n"));
            }
        }

        layout.Insert(config.OverviewFirst ? 0 : layout.Count, overview);
        return layout;
    }
}
