namespace Tessera.Imaging;

/// <summary>Draws frames and filled rectangles into a picture.</summary>
internal static class FrameDrawing
{
    /// <summary>The edges of a rectangle. A line covers so many pixels before its position and so many from there on.</summary>
    public static void Frame(RgbImage image, int left, int top, int right, int bottom, int before, int after, Rgb colour)
    {
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

    /// <summary>A rectangle, as far as it lies in the picture.</summary>
    public static void Fill(RgbImage image, int left, int right, int top, int bottom, Rgb colour)
    {
        for (int y = Math.Max(0, top); y < Math.Min(image.Height, bottom); y++)
        {
            Span<byte> row = image.Row(y);
            for (int x = Math.Max(0, left); x < Math.Min(image.Width, right); x++)
                (row[3 * x], row[3 * x + 1], row[3 * x + 2]) = (colour.Red, colour.Green, colour.Blue);
        }
    }
}
