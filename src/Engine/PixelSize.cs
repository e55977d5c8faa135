namespace Tessera;

/// <summary>A size in pixels.</summary>
/// <param name="Width">Pixels from left to right.</param>
/// <param name="Height">Pixels from top to bottom.</param>
public readonly record struct PixelSize(int Width, int Height)
{
    /// <summary>Number of pixels.</summary>
    public long Area => (long)Width * Height;

    /// <inheritdoc/>
    public override string ToString() => $"{Width} x {Height}";
}

/// <summary>A rectangle in the coordinates of the original picture, in pixels; its edges may fall between pixels.</summary>
/// <param name="Left">Left edge.</param>
/// <param name="Top">Top edge.</param>
/// <param name="Width">Width.</param>
/// <param name="Height">Height.</param>
public readonly record struct SourceRectangle(double Left, double Top, double Width, double Height)
{
    /// <summary>The whole of a picture.</summary>
    public static SourceRectangle Whole(PixelSize image) => new(0, 0, image.Width, image.Height);
}
