using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.LlavaNext;

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
        int side = config.Tower.PatchesPerSide,
            tile = config.Tower.ImageSize;
        int columns = fit.Canvas.Width / tile * side,
            rows = fit.Canvas.Height / tile * side;
        CellWindow kept =
            config.Merge != PatchMerge.SpatialUnpad ? new CellWindow(0, 0, columns, rows)
            : config.Unpad == UnpadRule.Exclusive ? Exclusive(fit, config.Tower)
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

    // arXiv 2310.03744, appendix A: "features corresponding exclusively to the paddings are discarded", so that one pixel of the
    // picture on the canvas is enough to keep its patch.
    private static CellWindow Exclusive(CanvasFit fit, VisionTransformerConfig tower)
    {
        (int left, int right) = Shown(fit.Left, fit.Resized.Width, tower);
        (int top, int bottom) = Shown(fit.Top, fit.Resized.Height, tower);
        return new CellWindow(left, top, right - left, bottom - top);
    }

    private static (int First, int End) Shown(int start, int length, VisionTransformerConfig tower) =>
        (CellAt(start, tower), CellAt(start + length - 1, tower) + 1);

    // Pixels right of a tile's last whole patch count to that patch.
    private static int CellAt(int position, VisionTransformerConfig tower) =>
        position / tower.ImageSize * tower.PatchesPerSide
        + Math.Min(position % tower.ImageSize / tower.PatchSize, tower.PatchesPerSide - 1);

    private static (int Columns, int Rows) Reduce(LlavaNextConfig config, CellWindow kept)
    {
        if (config.MaxMapTiles is not int tiles)
            return (kept.Columns, kept.Rows);
        double times = Math.Sqrt((double)((long)kept.Rows * kept.Columns) / ((long)tiles * config.Tower.PatchCount));
        return times > LeastReduction ? (WholeTimes(kept.Columns, times), WholeTimes(kept.Rows, times)) : (kept.Columns, kept.Rows);
    }

    // Python's a // b of floats, which is exact: 20 // 1.6666666666666667 is 11, though the quotient rounds to 12
    // (python/cpython, Objects/floatobject.c, _float_div_mod).
    private static int WholeTimes(double cells, double times) => (int)Math.Round((cells - cells % times) / times);
}
