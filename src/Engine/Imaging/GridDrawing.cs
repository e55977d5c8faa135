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

    private static void DrawEdges(RgbImage image, Edges edges, int before, int after, Rgb colour) =>
        FrameDrawing.Frame(image, edges.Left, edges.Top, edges.Right, edges.Bottom, before, after, colour);

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
