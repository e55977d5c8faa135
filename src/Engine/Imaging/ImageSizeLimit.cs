namespace Tessera.Imaging;

/// <summary>The largest picture that is decoded; checked on what a file's header claims, before any pixel is decoded or
/// allocated.</summary>
/// <param name="SourceName">The picture's name for error messages.</param>
/// <param name="MaxPixels">The most pixels, width times height.</param>
internal readonly record struct ImageSizeLimit(string SourceName, long MaxPixels)
{
    // Longer sides have no use and would make one resize window arbitrarily large.
    private const int MaxSide = 1_000_000;

    /// <summary>Checks a size.</summary>
    /// <exception cref="ImageException">The picture is empty or over a limit.</exception>
    public void Require(long width, long height)
    {
        if (width < 1 || height < 1)
            throw new ImageException(SourceName, $"The picture is {width}x{height} pixels, so there is nothing to see.");
        if (width > MaxSide || height > MaxSide)
            throw new ImageException(SourceName, $"The picture is {width}x{height} pixels, but no side may be longer than {MaxSide}.");
        long limit = Math.Min(MaxPixels, Array.MaxLength / RgbImage.BytesPerPixel);
        if (width * height > limit)
            throw new ImageTooLargeException(SourceName, new PixelSize((int)width, (int)height), limit);
    }
}
