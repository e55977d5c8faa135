namespace Tessera.Imaging;

/// <summary>Draws a plan's tiles over the picture, for people to see what the model sees.</summary>
internal static class GridDrawing
{
    private static readonly Rgb Line = new(255, 140, 0);

    /// <summary>A copy of the picture, at whatever size, with the edge of every tile: an orange line between two black ones.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="plan">Its tiles.</param>
    /// <param name="isFine">Draws a line of one pixel instead, for pictures of a few dozen pixels.</param>
    public static RgbImage Draw(RgbImage image, SlicePlan plan, bool isFine = false)
    {
        RgbImage drawn = image.Clone();
        int thickness = Math.Max(1, Math.Max(image.Width, image.Height) / 400);
        IReadOnlyList<Slice> tiles = [.. plan.Slices.Where(static slice => slice.Kind == SliceKind.Tile)];
        IReadOnlyList<Edges> edges =
        [
            .. (tiles.Count > 0 ? tiles : plan.Slices).Select(slice => Edges.Of(slice.Source, image, plan.Image)),
        ];
        if (!isFine)
        {
            foreach (Edges edge in edges)
                DrawEdges(drawn, edge, 2 * thickness, 2 * thickness, new Rgb(0, 0, 0));
        }

        foreach (Edges edge in edges)
            DrawEdges(drawn, edge, isFine ? 0 : thickness, isFine ? 1 : thickness, Line);
        return drawn;
    }

    // A line covers so many pixels before its position and so many from there on.
    private static void DrawEdges(RgbImage image, Edges edges, int before, int after, Rgb colour)
    {
        (int left, int top, int right, int bottom) = edges;
        if (right <= left || bottom <= top)
            return;
        // The last line must not fall off the picture.
        int lastX = Math.Min(right, image.Width - after + before),
            lastY = Math.Min(bottom, image.Height - after + before);
        Fill(image, left, right, top - before, top + after, colour);
        Fill(image, left, right, lastY - before, lastY + after, colour);
        Fill(image, left - before, left + after, top, bottom, colour);
        Fill(image, lastX - before, lastX + after, top, bottom, colour);
    }

    private static void Fill(RgbImage image, int left, int right, int top, int bottom, Rgb colour)
    {
        for (int y = Math.Max(0, top); y < Math.Min(image.Height, bottom); y++)
        {
            Span<byte> row = image.Row(y);
            for (int x = Math.Max(0, left); x < Math.Min(image.Width, right); x++)
                (row[3 * x], row[3 * x + 1], row[3 * x + 2]) = (colour.Red, colour.Green, colour.Blue);
        }
    }

    // A tile's edges in pixels of the picture that is drawn on. Edges outside are moved to its rim, so that padding shows as a closed
    // frame.
    private readonly record struct Edges(int Left, int Top, int Right, int Bottom)
    {
        public static Edges Of(SourceRectangle source, RgbImage image, PixelSize original)
        {
            double scaleX = (double)image.Width / original.Width,
                scaleY = (double)image.Height / original.Height;
            return new Edges(
                Clamp(source.Left * scaleX, image.Width),
                Clamp(source.Top * scaleY, image.Height),
                Clamp((source.Left + source.Width) * scaleX, image.Width),
                Clamp((source.Top + source.Height) * scaleY, image.Height)
            );
        }

        private static int Clamp(double position, int limit) => (int)Math.Clamp(Math.Round(position), 0, limit);
    }
}
