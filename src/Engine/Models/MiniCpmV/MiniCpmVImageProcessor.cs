using System.Globalization;
using Tessera.Imaging;

namespace Tessera.Models.MiniCpmV;

/// <summary>
/// The slices, and the tokens around them:
/// <code>
/// 2.0, 2.5:  &lt;image&gt;overview&lt;/image&gt;&lt;slice&gt;&lt;image&gt;tile&lt;/image&gt;&lt;image&gt;tile&lt;/image&gt;\n...&lt;/slice&gt;
/// later:     &lt;image_id&gt;0&lt;/image_id&gt;&lt;image&gt;overview&lt;/image&gt;&lt;slice&gt;tile&lt;/slice&gt;&lt;slice&gt;tile&lt;/slice&gt;\n...
/// </code>
/// Source: openbmb/MiniCPM-V-2 and MiniCPM-Llama3-V-2_5, modeling_minicpmv.py, get_grid_placeholder; openbmb/MiniCPM-V-2_6,
/// image_processing_minicpmv.py, get_slice_image_placeholder. Where the released processors differ by repository (limits only), the
/// file's clip.vision.preproc_max_tiles tells.
/// </summary>
internal sealed class MiniCpmVImageProcessor(MiniCpmVConfig config) : IImageProcessor
{
    private readonly int tokenCount = config.Resampler.QueryCount;
    private readonly SlicedImages slicer = new(
        new SliceRule(config.Tower.ImageSize, config.Tower.PatchSize, config.MaxTiles, DivideRule.Round),
        config.Resampler.QueryCount, config.Tower.ImageMean, config.Tower.ImageDeviation);

    public SlicePlan Plan(PixelSize image, PlanRequest request) => slicer.Plan(image, request, (columns, rows) => Layout(columns, rows, request.ImageIndex));

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) => slicer.Prepare(image, plan, cancellationToken);

    private List<LayoutSpan> Layout(int columns, int rows, int imageIndex)
    {
        bool numbered = config.Release == MiniCpmVRelease.V26;
        var layout = new List<LayoutSpan>();
        if (numbered) layout.Add(LayoutSpan.OfText($"<image_id>{imageIndex.ToString(CultureInfo.InvariantCulture)}</image_id>"));
        Add(layout, "overview", "<image>", "</image>");
        if (columns * rows == 1) return layout;
        (string open, string close) = numbered ? ("<slice>", "</slice>") : ("<image>", "</image>");
        if (!numbered) layout.Add(LayoutSpan.OfText("<slice>"));
        for (int row = 0; row < rows; row++)
        {
            if (row > 0) layout.Add(LayoutSpan.OfText("\n"));
            for (int column = 0; column < columns; column++) Add(layout, "tile", open, close);
        }

        if (!numbered) layout.Add(LayoutSpan.OfText("</slice>"));
        return layout;
    }

    private void Add(List<LayoutSpan> layout, string kind, string open, string close)
    {
        layout.Add(LayoutSpan.OfText(open));
        layout.Add(new LayoutSpan(kind, tokenCount));
        layout.Add(LayoutSpan.OfText(close));
    }
}
