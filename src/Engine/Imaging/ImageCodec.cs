using NetVips;
using Tessera.Shared;

namespace Tessera.Imaging;

/// <summary>
/// Reads and writes image files with libvips, as 8-bit RGB: first frame or page, EXIF orientation applied, alpha composited over white.
/// Embedded colour profiles are ignored, as Pillow's <c>convert("RGB")</c> does, except for CMYK, which goes through its profile (or
/// libvips's own when it has none) to sRGB.
/// </summary>
internal static class ImageCodec
{
    /// <summary>The default for the most pixels of a picture.</summary>
    public const long DefaultMaxPixels = 100_000_000;

    /// <summary>Decodes a picture held in memory.</summary>
    /// <param name="data">The whole file.</param>
    /// <param name="sourceName">Its name for error messages.</param>
    /// <param name="maxPixels">Larger pictures are refused before their pixels are decoded.</param>
    /// <param name="cancellationToken">Stops at once; a codec that decodes a whole frame in one call ends that call behind the caller's
    /// back.</param>
    /// <exception cref="ImageException">The data is empty, no supported image, damaged, cut short, or too large.</exception>
    /// <exception cref="NativeLibraryException">libvips is missing or does not start.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static RgbImage Decode(
        ReadOnlyMemory<byte> data,
        string sourceName,
        long maxPixels = DefaultMaxPixels,
        CancellationToken cancellationToken = default
    )
    {
        ImageSizeLimit limit = new(sourceName, maxPixels);
        ImageFormat format = RequireFormat(data.Span, sourceName);
        Func<RgbImage> decode = format switch
        {
            ImageFormat.Bmp => () => BmpReader.Read(data.Span, limit),
            ImageFormat.Ppm => () => PortableMapReader.Read(data.Span, limit),
            _ => () => DecodeWithVips(format, data, limit, cancellationToken),
        };
        return AbandonableWork.Run(decode, cancellationToken);
    }

    /// <summary>Size of a picture as it will be decoded, orientation applied; reads its header only.</summary>
    /// <exception cref="ImageException">As for <see cref="Decode"/>, damage of the pixels excepted.</exception>
    public static PixelSize ReadSize(ReadOnlyMemory<byte> data, string sourceName, long maxPixels = DefaultMaxPixels)
    {
        ImageSizeLimit limit = new(sourceName, maxPixels);
        ImageFormat format = RequireFormat(data.Span, sourceName);
        if (format == ImageFormat.Bmp && BmpReader.Read(data.Span, limit) is RgbImage bitmap)
            return new PixelSize(bitmap.Width, bitmap.Height);
        if (format == ImageFormat.Ppm)
            return PortableMapReader.ReadSize(data.Span, limit);
        try
        {
            using VipsImage picture = VipsImage.Open(format, data);
            limit.Require(picture.Width, picture.Height);
            PixelPlacement placement = PixelPlacement.Create(picture.Width, picture.Height, picture.Orientation);
            return new PixelSize(placement.Width, placement.Height);
        }
        catch (VipsException failure)
        {
            throw Damaged(format, sourceName, failure);
        }
    }

    /// <summary>Writes a picture as what the file's ending says, which appears whole or not at all.</summary>
    /// <exception cref="ImageException">The ending is of no format that is written, or the file cannot be written.</exception>
    public static void Save(RgbImage image, string path)
    {
        ImageFormat format = Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".png" or "" => ImageFormat.Png,
            ".jpg" or ".jpeg" => ImageFormat.Jpeg,
            ".webp" => ImageFormat.WebP,
            _ => throw new ImageException(path, "pictures are written with the ending .png, .jpg or .webp."),
        };
        try
        {
            byte[] file = VipsImage.Encode(image, format);
            WholeFile.Write(path, stream => stream.Write(file));
        }
        catch (Exception failure) when (failure is VipsException or IOException or UnauthorizedAccessException)
        {
            string reason = failure is VipsException vips ? VipsImage.Reason(vips) : $" [{failure.Message}]";
            throw new ImageException(path, $"it cannot be written{reason}.", failure);
        }
    }

    private static ImageFormat RequireFormat(ReadOnlySpan<byte> data, string sourceName) =>
        data.IsEmpty ? throw new ImageException(sourceName, "The picture is empty.") : ImageFormats.Require(data, sourceName);

    private static RgbImage DecodeWithVips(
        ImageFormat format,
        ReadOnlyMemory<byte> data,
        ImageSizeLimit limit,
        CancellationToken cancellationToken
    )
    {
        try
        {
            using VipsImage picture = VipsImage.Open(format, data);
            limit.Require(picture.Width, picture.Height);
            return picture.ReadPixels(cancellationToken);
        }
        catch (VipsException failure)
        {
            throw Damaged(format, limit.SourceName, failure);
        }
    }

    private static ImageException Damaged(ImageFormat format, string sourceName, VipsException failure) =>
        new(sourceName, $"The {Name(format)} picture is damaged or cut short{VipsImage.Reason(failure)}.", failure);

    private static string Name(ImageFormat format) =>
        format switch
        {
            ImageFormat.WebP => "WebP",
            _ => format.ToString().ToUpperInvariant(),
        };
}
