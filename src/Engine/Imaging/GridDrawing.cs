namespace Tessera.Imaging;

/// <summary>Draws a plan's tiles over the picture, for people to see what the model sees.</summary>
internal static class GridDrawing
{
    /// <summary>A copy of the picture with the edge of every tile: an orange line between two black ones.</summary>
    public static RgbImage Draw(RgbImage image, SlicePlan plan)
    {
        RgbImage drawn = image.Clone();
        int thickness = Math.Max(1, Math.Max(image.Width, image.Height) / 400);
        IReadOnlyList<Slice> tiles = [.. plan.Slices.Where(static slice => slice.Kind == SliceKind.Tile)];
        foreach (Slice slice in tiles.Count > 0 ? tiles : plan.Slices) DrawEdge(drawn, slice.Source, 2 * thickness, new Rgb(0, 0, 0));
        foreach (Slice slice in tiles.Count > 0 ? tiles : plan.Slices) DrawEdge(drawn, slice.Source, thickness, new Rgb(255, 140, 0));
        return drawn;
    }

    // Edges that lie outside the picture are moved to its rim, so that padding shows as a closed frame.
    private static void DrawEdge(RgbImage image, SourceRectangle source, int reach, Rgb colour)
    {
        int left = Clamp(source.Left, image.Width), right = Clamp(source.Left + source.Width, image.Width);
        int top = Clamp(source.Top, image.Height), bottom = Clamp(source.Top + source.Height, image.Height);
        if (right <= left || bottom <= top) return;
        Fill(image, left, right, top - reach, top + reach, colour);
        Fill(image, left, right, bottom - reach, bottom + reach, colour);
        Fill(image, left - reach, left + reach, top, bottom, colour);
        Fill(image, right - reach, right + reach, top, bottom, colour);
    }

    private static int Clamp(double position, int limit) => (int)Math.Clamp(Math.Round(position), 0, limit);

    private static void Fill(RgbImage image, int left, int right, int top, int bottom, Rgb colour)
    {
        for (int y = Math.Max(0, top); y < Math.Min(image.Height, bottom); y++)
        {
            Span<byte> row = image.Row(y);
            for (int x = Math.Max(0, left); x < Math.Min(image.Width, right); x++)
                (row[3 * x], row[3 * x + 1], row[3 * x + 2]) = (colour.Red, colour.Green, colour.Blue);
        }
    }
}
