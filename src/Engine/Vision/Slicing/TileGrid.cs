namespace Tessera.Vision.Slicing;

/// <summary>A grid of tiles, and the search for the one whose aspect ratio is nearest to a picture's.</summary>
internal readonly record struct TileGrid(int Columns, int Rows)
{
    public int TileCount => Columns * Rows;

    /// <summary>Tiles, and the thumbnail where there are several.</summary>
    public int SliceCount => TileCount == 1 ? 1 : TileCount + 1;

    /// <summary>All grids of so many tiles, the smallest first, the narrowest first among equals.</summary>
    public static IReadOnlyList<TileGrid> All(int minTiles, int maxTiles)
    {
        IEnumerable<TileGrid> grids =
            from columns in Enumerable.Range(1, maxTiles)
            from rows in Enumerable.Range(1, maxTiles / columns)
            where columns * rows >= minTiles
            select new TileGrid(columns, rows);
        return [.. grids.OrderBy(static grid => grid.TileCount)];
    }

    /// <summary>
    /// The grid nearest in aspect ratio. Of equals a later, larger one is taken if the picture has more than half of its pixels.
    /// </summary>
    public static TileGrid Nearest(PixelSize image, IReadOnlyList<TileGrid> grids, int tileSize)
    {
        double ratio = (double)image.Width / image.Height,
            least = double.PositiveInfinity;
        TileGrid best = default;
        foreach (TileGrid grid in grids)
        {
            double difference = Math.Abs(ratio - (double)grid.Columns / grid.Rows);
            bool isLargerEqual = difference == least && image.Area > 0.5 * tileSize * tileSize * grid.Columns * grid.Rows;
            if (difference < least || isLargerEqual)
                (best, least) = (grid, difference);
        }

        return best;
    }
}
