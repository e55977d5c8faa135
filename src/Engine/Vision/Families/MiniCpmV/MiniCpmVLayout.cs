using System.Globalization;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>
/// What stands for a picture in the prompt:
/// <code>
/// 2.0, 2.5:
/// &lt;image&gt;overview&lt;/image&gt;&lt;slice&gt;&lt;image&gt;tile&lt;/image&gt;&lt;image&gt;tile&lt;/image&gt;\n...&lt;/slice&gt; later:
/// &lt;image_id&gt;0&lt;/image_id&gt;&lt;image&gt;overview&lt;/image&gt;&lt;slice&gt;tile&lt;/slice&gt;&lt;slice&gt;tile&lt;/slice&gt;\n...
/// </code>
/// Source: openbmb/MiniCPM-V-2 and MiniCPM-Llama3-V-2_5, modeling_minicpmv.py, get_grid_placeholder; openbmb/MiniCPM-V-2_6,
/// image_processing_minicpmv.py, get_slice_image_placeholder; huggingface/transformers v5.12, models/minicpmv4_6/processing_minicpmv4_6.py.
/// Where the released processors differ by repository (limits only), the file's clip.vision.preproc_max_tiles tells.
/// </summary>
internal static class MiniCpmVLayout
{
    /// <summary>2.0 and 2.5.</summary>
    public static IReadOnlyList<LayoutSpan> Nested(SlicePlan plan)
    {
        var layout = new List<LayoutSpan>();
        AddSlice(layout, plan.Slices[0], "<image>", "</image>");
        if (plan.Slices.Count == 1)
            return layout;
        layout.Add(LayoutSpan.OfText("<slice>"));
        AddTiles(layout, plan, "<image>", "</image>");
        layout.Add(LayoutSpan.OfText("</slice>"));
        return layout;
    }

    /// <summary>2.6 and later.</summary>
    public static IReadOnlyList<LayoutSpan> Numbered(SlicePlan plan, int imageIndex)
    {
        var layout = new List<LayoutSpan>
        {
            LayoutSpan.OfText($"<image_id>{imageIndex.ToString(CultureInfo.InvariantCulture)}</image_id>"),
        };
        AddSlice(layout, plan.Slices[0], "<image>", "</image>");
        AddTiles(layout, plan, "<slice>", "</slice>");
        return layout;
    }

    private static void AddTiles(List<LayoutSpan> layout, SlicePlan plan, string open, string close)
    {
        foreach (Slice tile in plan.Slices.Skip(1))
        {
            if (tile is { Row: > 0, Column: 0 })
                layout.Add(LayoutSpan.OfText("\n"));
            AddSlice(layout, tile, open, close);
        }
    }

    private static void AddSlice(List<LayoutSpan> layout, Slice slice, string open, string close)
    {
        layout.Add(LayoutSpan.OfText(open));
        layout.Add(new LayoutSpan(slice.Kind == SliceKind.Overview ? "overview" : "tile", slice.TokenCount));
        layout.Add(LayoutSpan.OfText(close));
    }
}
