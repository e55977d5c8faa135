namespace Tessera.Vision.Slicing;

/// <summary>How a side that is no multiple of a length becomes one.</summary>
internal enum DivideRule
{
    /// <summary>To the nearest multiple, halves to the even one (MiniCPM-V).</summary>
    Round,

    /// <summary>To the multiple below (LLaVA-UHD).</summary>
    Floor,
}

/// <summary>The numbers of a slice rule.</summary>
/// <param name="Scale">Side of the square whose area a slice is near to, in pixels.</param>
/// <param name="PatchSize">Side of a patch in pixels.</param>
/// <param name="MaxTiles">The most tiles beside the overview.</param>
/// <param name="Divide">How sides become multiples.</param>
/// <param name="MergedPatches">Patches along the side of the squares of which slices are made; 1 where any whole patches will do.</param>
internal readonly record struct SliceRule(int Scale, int PatchSize, int MaxTiles, DivideRule Divide, int MergedPatches = 1)
{
    /// <summary>What a slice's sides are multiples of, in pixels.</summary>
    public int Step => PatchSize * MergedPatches;
}

/// <summary>
/// The partition of LLaVA-UHD (arXiv 2403.11703, section 3.1): a picture is cut into about as many slices as its area holds squares, in
/// the grid whose shape is nearest to its own, and each slice keeps that shape. Source: OpenBMB/MiniCPM-V, finetune/dataset.py,
/// slice_image and find_best_resize; thunlp/LLaVA-UHD, branch LLaVA-UHD-v1, llava/slice_process.py. All arithmetic in double, as Python's.
/// </summary>
internal static class SliceGrid
{
    /// <summary>Columns and rows; (1, 1) where the picture is not cut.</summary>
    public static (int Columns, int Rows) Choose(PixelSize image, SliceRule rule)
    {
        double ratio = image.Width * (double)image.Height / ((double)rule.Scale * rule.Scale);
        int multiple = (int)Math.Min(Math.Ceiling(ratio), rule.MaxTiles);
        if (multiple <= 1)
            return (1, 1);
        double logRatio = Math.Log((double)image.Width / image.Height),
            leastError = double.PositiveInfinity;
        (int Columns, int Rows) best = (1, 1);
        for (int count = multiple - 1; count <= Math.Min(multiple + 1, rule.MaxTiles); count++)
        {
            if (count == 1)
                continue;
            for (int columns = 1; columns <= count; columns++)
            {
                if (count % columns != 0)
                    continue;
                double error = Math.Abs(logRatio - Math.Log((double)columns / (count / columns)));
                if (error < leastError)
                    (best, leastError) = ((columns, count / columns), error);
            }
        }

        return best;
    }

    /// <summary>Size of the overview beside tiles: reduced to about the square's area, and a smaller picture left as it is.</summary>
    public static PixelSize Overview(PixelSize image, SliceRule rule) => BestSize(image.Width, image.Height, rule, enlarge: false);

    /// <summary>Size of a picture that is not cut: brought to about the square's area, enlarged where it is smaller.</summary>
    public static PixelSize Single(PixelSize image, SliceRule rule) => BestSize(image.Width, image.Height, rule, enlarge: true);

    /// <summary>Size of one tile of a grid.</summary>
    public static PixelSize Tile(PixelSize image, int columns, int rows, SliceRule rule) =>
        BestSize(
            (double)Divide(image.Width, columns, rule.Divide) / columns,
            (double)Divide(image.Height, rows, rule.Divide) / rows,
            rule,
            enlarge: true
        );

    private static PixelSize BestSize(double width, double height, SliceRule rule, bool enlarge)
    {
        if (enlarge || width * height > (double)rule.Scale * rule.Scale)
        {
            double ratio = width / height;
            height = Math.Truncate(rule.Scale / Math.Sqrt(ratio));
            width = Math.Truncate(height * ratio);
        }

        return new PixelSize(Divide(width, rule.Step, rule.Divide), Divide(height, rule.Step, rule.Divide));
    }

    // ensure_divide
    private static int Divide(double length, int part, DivideRule rule)
    {
        double count = rule == DivideRule.Round ? Math.Round(length / part, MidpointRounding.ToEven) : Math.Floor(length / part);
        return (int)Math.Max(count * part, part);
    }
}
