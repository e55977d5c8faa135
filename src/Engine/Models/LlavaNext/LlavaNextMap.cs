namespace Tessera.Models.LlavaNext;

/// <summary>
/// The size of the merged map: which cells are kept, and to what it is reduced. Planned from sizes alone, so that token counts are
/// known before anything is encoded.
/// </summary>
/// <param name="Kept">The cells that are not padding.</param>
/// <param name="Columns">Columns after the reduction.</param>
/// <param name="Rows">Rows after the reduction.</param>
internal readonly record struct LlavaNextMap(CellWindow Kept, int Columns, int Rows)
{
    // LLaVA-VL/LLaVA-NeXT, llava/model/llava_arch.py: reduced only when it saves enough.
    private const double LeastReduction = 1.1;

    public static LlavaNextMap Plan(LlavaNextConfig config, PixelSize image, CanvasFit fit, bool roundsLikeTransformers)
    {
        int side = config.Tower.PatchesPerSide, tile = config.Tower.ImageSize;
        int columns = fit.Canvas.Width / tile * side, rows = fit.Canvas.Height / tile * side;
        CellWindow kept = config.Merge != PatchMerge.SpatialUnpad ? new CellWindow(0, 0, columns, rows)
            : config.Unpad == UnpadRule.Exclusive ? Exclusive(image, columns, rows)
            : Floor(image, columns, rows, roundsLikeTransformers);
        (int newColumns, int newRows) = Reduce(config, kept);
        return new LlavaNextMap(kept, newColumns, newRows);
    }

    // haotian-liu/LLaVA, llava/model/llava_arch.py, unpad_image. huggingface/transformers v5.12, models/llava_next/
    // modeling_llava_next.py, rounds to 7 digits first, so that 26.999999999 counts as 27.
    private static CellWindow Floor(PixelSize image, int columns, int rows, bool roundsLikeTransformers)
    {
        int Truncate(double cells) => (int)(roundsLikeTransformers ? Math.Round(cells, 7) : cells);
        if ((double)image.Width / image.Height > (double)columns / rows)
        {
            int padding = (rows - Truncate(image.Height * ((double)columns / image.Width))) / 2;
            return new CellWindow(0, padding, columns, rows - 2 * padding);
        }

        int sidePadding = (columns - Truncate(image.Width * ((double)rows / image.Height))) / 2;
        return new CellWindow(sidePadding, 0, columns - 2 * sidePadding, rows);
    }

    // arXiv 2310.03744, section 4.1: only features that correspond exclusively to padding are discarded. In exact fractions, since
    // the pixels' own rounding would let a whole column in for a fraction of one.
    private static CellWindow Exclusive(PixelSize image, int columns, int rows)
    {
        if ((long)image.Width * rows > (long)image.Height * columns)
        {
            (int top, int bottom) = Touched((long)image.Height * columns, image.Width, rows);
            return new CellWindow(0, top, columns, bottom - top);
        }

        (int left, int right) = Touched((long)image.Width * rows, image.Height, columns);
        return new CellWindow(left, 0, right - left, rows);
    }

    // The cells that a picture of numerator / denominator cells touches when it is centred: from floor to ceiling.
    private static (int First, int End) Touched(long numerator, long denominator, int cells) =>
        ((int)((cells * denominator - numerator) / (2 * denominator)), (int)((cells * denominator + numerator + 2 * denominator - 1) / (2 * denominator)));

    private static (int Columns, int Rows) Reduce(LlavaNextConfig config, CellWindow kept)
    {
        if (config.MaxMapTiles is not int tiles) return (kept.Columns, kept.Rows);
        double times = Math.Sqrt((double)((long)kept.Rows * kept.Columns) / ((long)tiles * config.Tower.PatchCount));
        return times > LeastReduction ? ((int)Math.Floor(kept.Columns / times), (int)Math.Floor(kept.Rows / times)) : (kept.Columns, kept.Rows);
    }
}
