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
            : config.Unpad == UnpadRule.Exclusive ? Exclusive(fit, columns, rows)
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

    private static CellWindow Exclusive(CanvasFit fit, int columns, int rows)
    {
        (int left, int right) = Touched(fit.Left, fit.Resized.Width, fit.Canvas.Width, columns);
        (int top, int bottom) = Touched(fit.Top, fit.Resized.Height, fit.Canvas.Height, rows);
        return new CellWindow(left, top, right - left, bottom - top);
    }

    // The cells that share at least a pixel with [start, start + length): from floor to ceiling.
    private static (int First, int End) Touched(int start, int length, int canvas, int cells) =>
        ((int)((long)start * cells / canvas), (int)(((long)(start + length) * cells + canvas - 1) / canvas));

    private static (int Columns, int Rows) Reduce(LlavaNextConfig config, CellWindow kept)
    {
        if (config.MaxMapTiles is not int tiles) return (kept.Columns, kept.Rows);
        double times = Math.Sqrt((double)((long)kept.Rows * kept.Columns) / ((long)tiles * config.Tower.PatchCount));
        return times > LeastReduction ? ((int)Math.Floor(kept.Columns / times), (int)Math.Floor(kept.Rows / times)) : (kept.Columns, kept.Rows);
    }
}
