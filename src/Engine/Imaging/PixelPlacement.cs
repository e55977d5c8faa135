namespace Tessera.Imaging;

/// <summary>
/// Where decoded pixels go when the EXIF orientation is applied: pixel (x, y) of the file lands at byte
/// <c>Origin + x * ColumnStep + y * RowStep</c> of the upright picture.
/// </summary>
/// <param name="Width">Width of the upright picture.</param>
/// <param name="Height">Height of the upright picture.</param>
/// <param name="Origin">Byte of the file's first pixel.</param>
/// <param name="ColumnStep">Bytes from a pixel of the file to its right neighbour.</param>
/// <param name="RowStep">Bytes from a pixel of the file to the one below.</param>
internal readonly record struct PixelPlacement(int Width, int Height, int Origin, int ColumnStep, int RowStep)
{
    /// <summary>The placement for a picture of the file's size and an EXIF orientation; 1 and unknown values leave it as it is.</summary>
    /// <param name="width">Width in the file.</param>
    /// <param name="height">Height in the file.</param>
    /// <param name="orientation">EXIF tag 0x0112, 1 to 8.</param>
    public static PixelPlacement Create(int width, int height, int orientation)
    {
        bool transposed = orientation is >= 5 and <= 8;
        (int uprightWidth, int uprightHeight) = transposed ? (height, width) : (width, height);
        // Where the file's first row and first column lie: 2 top right, 3 bottom right, 4 bottom left, 5 left top, and so on.
        bool fromRight = orientation is 2 or 3 or 6 or 7;
        bool fromBottom = orientation is 3 or 4 or 7 or 8;
        int pixel = RgbImage.BytesPerPixel,
            row = uprightWidth * pixel;
        int horizontalStep = fromRight ? -pixel : pixel,
            verticalStep = fromBottom ? -row : row;
        int origin = (fromRight ? row - pixel : 0) + (fromBottom ? row * (uprightHeight - 1) : 0);
        return new PixelPlacement(
            uprightWidth,
            uprightHeight,
            origin,
            transposed ? verticalStep : horizontalStep,
            transposed ? horizontalStep : verticalStep
        );
    }

    /// <summary>Copies a row of RGB pixels to where it goes.</summary>
    /// <param name="row">One row of the file: <c>[width, 3]</c>.</param>
    /// <param name="y">Its number in the file.</param>
    /// <param name="upright">All bytes of the upright picture.</param>
    public void Write(ReadOnlySpan<byte> row, int y, Span<byte> upright)
    {
        int target = Origin + y * RowStep;
        if (ColumnStep == RgbImage.BytesPerPixel)
        {
            row.CopyTo(upright[target..]);
            return;
        }
        for (int x = 0; x < row.Length; x += RgbImage.BytesPerPixel, target += ColumnStep)
            row.Slice(x, RgbImage.BytesPerPixel).CopyTo(upright[target..]);
    }
}
