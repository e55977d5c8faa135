namespace Tessera.Vision.Families.Mllama;

/// <summary>
/// Rows and columns in which tiles lie, and the number by which the tower's tables know it. Source: huggingface/transformers v5.12,
/// models/mllama/image_processing_pil_mllama.py, get_all_supported_aspect_ratios (whose pairs are rows and columns),
/// get_optimal_tiled_canvas and get_image_size_fit_to_canvas.
/// </summary>
/// <param name="Rows">Tiles along the height.</param>
/// <param name="Columns">Tiles along the width.</param>
/// <param name="Id">Its number from 1.</param>
internal readonly record struct TileArrangement(int Rows, int Columns, int Id)
{
    public int TileCount => Rows * Columns;

    /// <summary>All arrangements of so many tiles at most, by their numbers.</summary>
    public static IReadOnlyList<TileArrangement> All(int mostTiles)
    {
        var all = new List<TileArrangement>();
        for (int rows = 1; rows <= mostTiles; rows++)
        for (int columns = 1; columns <= mostTiles; columns++)
            if (rows * columns <= mostTiles)
                all.Add(new TileArrangement(rows, columns, all.Count + 1));
        return all;
    }

    /// <summary>The one that enlarges a picture least, or if all reduce it, reduces it least; of equals the one of the smallest
    /// area, the first.</summary>
    public static TileArrangement Choose(PixelSize image, int tileSize, IEnumerable<TileArrangement> allowed)
    {
        (TileArrangement Arrangement, double Scale)[] scaled =
        [
            .. allowed.Select(arrangement =>
                (
                    arrangement,
                    Math.Min((double)(arrangement.Rows * tileSize) / image.Height, (double)(arrangement.Columns * tileSize) / image.Width)
                )
            ),
        ];
        double[] enlarging = [.. scaled.Select(static item => item.Scale).Where(static scale => scale >= 1)];
        double chosen = enlarging.Length > 0 ? enlarging.Min() : scaled.Max(static item => item.Scale);
        return scaled.Where(item => item.Scale == chosen).MinBy(static item => item.Arrangement.TileCount).Arrangement;
    }

    /// <summary>The size that a picture gets on the canvas: at least a tile wide or high, at most the canvas, in its own ratio.</summary>
    public PixelSize Fit(PixelSize image, int tileSize)
    {
        int width = Math.Clamp(image.Width, tileSize, Columns * tileSize),
            height = Math.Clamp(image.Height, tileSize, Rows * tileSize);
        double across = (double)width / image.Width,
            down = (double)height / image.Height;
        return across < down
            ? new PixelSize(width, Math.Min(AtLeastOne(image.Height * across), height))
            : new PixelSize(Math.Min(AtLeastOne(image.Width * down), width), height);
    }

    private static int AtLeastOne(double length) => Math.Max(1, (int)Math.Floor(length));
}
