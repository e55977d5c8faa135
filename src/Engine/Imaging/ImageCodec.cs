using Tessera.Native;

namespace Tessera.Imaging;

/// <summary>
/// Reads and writes image files with libvips, as 8-bit RGB: first frame or page, EXIF orientation applied, alpha composited over white. Embedded
/// colour profiles are ignored, as Pillow's <c>convert("RGB")</c> does, except for CMYK, which goes through its profile (or
/// libvips's own when it has none) to sRGB.
/// </summary>
internal static class ImageCodec
{
    /// <summary>The default for the most pixels of a picture.</summary>
    public const long DefaultMaxPixels = 100_000_000;

    private const int StripByteLength = 1 << 20;

    /// <summary>Decodes a picture held in memory.</summary>
    /// <param name="data">The whole file.</param>
    /// <param name="sourceName">Its name for error messages.</param>
    /// <param name="maxPixels">Larger pictures are refused before their pixels are decoded.</param>
    /// <param name="cancellation">Stops between strips of rows.</param>
    /// <exception cref="ImageException">The data is empty, no supported image, damaged, cut short, or too large.</exception>
    /// <exception cref="NativeLibraryException">libvips is missing or does not start.</exception>
    public static unsafe RgbImage Decode(
        ReadOnlyMemory<byte> data, string sourceName, long maxPixels = DefaultMaxPixels, CancellationToken cancellation = default)
    {
        ImageSizeLimit limit = new(sourceName, maxPixels);
        ImageFormat format = RequireFormat(data.Span, sourceName);
        if (format == ImageFormat.Bmp) return BmpReader.Read(data.Span, limit);
        VipsLibrary.EnsureStarted();
        using var pin = data.Pin();
        try
        {
            using GObjectHandle opened = Open(format, pin.Pointer, data.Length);
            limit.Require(Vips.vips_image_get_width(opened), Vips.vips_image_get_height(opened));
            using GObjectHandle converted = ToPlainColors(opened);
            return ReadPixels(converted, Vips.vips_image_get_orientation(opened), cancellation);
        }
        catch (VipsException failure)
        {
            throw new ImageException(sourceName, $"The {Name(format)} picture is damaged or cut short [{failure.Message}].", failure);
        }
    }

    /// <summary>Decodes a file. See <see cref="Decode"/>.</summary>
    /// <exception cref="ImageException">The file is missing, a folder, or not readable; or as for <see cref="Decode"/>.</exception>
    public static RgbImage DecodeFile(string path, long maxPixels = DefaultMaxPixels, CancellationToken cancellation = default) =>
        Decode(ImageFileReader.ReadAll(path), path, maxPixels, cancellation);

    /// <summary>Size of a picture as it will be decoded, orientation applied; reads its header only.</summary>
    /// <exception cref="ImageException">As for <see cref="Decode"/>, damage of the pixels excepted.</exception>
    public static unsafe PixelSize ReadSize(ReadOnlyMemory<byte> data, string sourceName, long maxPixels = DefaultMaxPixels)
    {
        ImageSizeLimit limit = new(sourceName, maxPixels);
        ImageFormat format = RequireFormat(data.Span, sourceName);
        if (format == ImageFormat.Bmp && BmpReader.Read(data.Span, limit) is RgbImage bitmap) return new PixelSize(bitmap.Width, bitmap.Height);
        VipsLibrary.EnsureStarted();
        using var pin = data.Pin();
        try
        {
            using GObjectHandle opened = Open(format, pin.Pointer, data.Length);
            int width = Vips.vips_image_get_width(opened), height = Vips.vips_image_get_height(opened);
            limit.Require(width, height);
            PixelPlacement placement = PixelPlacement.Create(width, height, Vips.vips_image_get_orientation(opened));
            return new PixelSize(placement.Width, placement.Height);
        }
        catch (VipsException failure)
        {
            throw new ImageException(sourceName, $"The {Name(format)} picture is damaged or cut short [{failure.Message}].", failure);
        }
    }

    /// <summary>Writes a picture as PNG; the file appears whole or not at all.</summary>
    /// <exception cref="ImageException">The file cannot be written.</exception>
    public static unsafe void SavePng(RgbImage image, string path)
    {
        VipsLibrary.EnsureStarted();
        string unfinished = $"{path}.{Environment.ProcessId}.part";
        try
        {
            fixed (byte* pixels = image.Pixels)
            {
                using GObjectHandle copy = new(Vips.vips_image_new_from_memory_copy(pixels, (nuint)image.Pixels.Length, image.Width, image.Height, RgbImage.BytesPerPixel, VipsBandFormat.UChar));
                if (copy.IsInvalid) throw VipsLibrary.TakeError();
                using VipsOperation save = new("pngsave");
                save.With("in", copy).With("filename", unfinished).Execute();
            }

            File.Move(unfinished, path, overwrite: true);
        }
        catch (Exception failure) when (failure is VipsException or IOException or UnauthorizedAccessException)
        {
            if (File.Exists(unfinished)) File.Delete(unfinished);
            throw new ImageException(path, $"it cannot be written [{failure.Message}].", failure);
        }
    }

    private static ImageFormat RequireFormat(ReadOnlySpan<byte> data, string sourceName)
    {
        if (data.IsEmpty) throw new ImageException(sourceName, "The picture is empty.");
        return ImageFormats.Detect(data) switch
        {
            ImageFormat.Unknown => throw new ImageException(sourceName, $"This is not a picture that can be read; {ImageFormats.Readable} can."),
            ImageFormat.Heic => throw new ImageException(sourceName, $"HEIC pictures cannot be read; {ImageFormats.Readable} can."),
            ImageFormat format => format,
        };
    }

    // Reads the header only.
    private static unsafe GObjectHandle Open(ImageFormat format, void* data, int byteLength)
    {
        using VipsOperation load = new(format switch
        {
            ImageFormat.Jpeg => "jpegload_buffer",
            ImageFormat.Png => "pngload_buffer",
            ImageFormat.WebP => "webpload_buffer",
            ImageFormat.Gif => "gifload_buffer",
            ImageFormat.Tiff => "tiffload_buffer",
            ImageFormat.Avif => "heifload_buffer",
            _ => throw new ArgumentOutOfRangeException(nameof(format)),
        });
        return load.With("buffer", data, byteLength).With("access", "sequential").With("fail-on", "error").Run();
    }

    // 8- and 16-bit grey and RGB stay as they are, with or without alpha; everything else becomes 8-bit sRGB.
    private static GObjectHandle ToPlainColors(GObjectHandle image)
    {
        VipsInterpretation interpretation = Vips.vips_image_get_interpretation(image);
        if (interpretation == VipsInterpretation.Cmyk)
        {
            using VipsOperation transform = new("icc_transform");
            return transform.With("in", image).With("output-profile", "srgb").With("embedded", "true").With("input-profile", "cmyk").Run();
        }
        bool plainColors = interpretation is VipsInterpretation.SRgb or VipsInterpretation.Rgb or VipsInterpretation.Rgb16
            or VipsInterpretation.BlackWhite or VipsInterpretation.Grey16;
        bool plainValues = Vips.vips_image_get_format(image) is VipsBandFormat.UChar or VipsBandFormat.UShort;
        using VipsOperation convert = new(plainColors && plainValues ? "copy" : "colourspace");
        convert.With("in", image);
        if (plainColors && plainValues) return convert.Run();
        using GObjectHandle srgb = convert.With("space", "srgb").Run();
        using VipsOperation cast = new("cast");
        return cast.With("in", srgb).With("format", "uchar").Run();
    }

    private static RgbImage ReadPixels(GObjectHandle image, int orientation, CancellationToken cancellation)
    {
        int width = Vips.vips_image_get_width(image), height = Vips.vips_image_get_height(image);
        RawPixelConverter converter = Converter(image);
        PixelPlacement placement = PixelPlacement.Create(width, height, orientation);
        RgbImage upright = new(placement.Width, placement.Height);
        byte[] rgb = new byte[width * RgbImage.BytesPerPixel];
        long rowByteLength = (long)width * converter.BytesPerPixel;
        int stripHeight = (int)Math.Clamp(StripByteLength / rowByteLength, 1, height);
        using GObjectHandle region = new(Vips.vips_region_new(image));
        for (int top = 0; top < height; top += stripHeight)
        {
            cancellation.ThrowIfCancellationRequested();
            int rowCount = Math.Min(stripHeight, height - top);
            ReadStrip(region, new Strip(width, top, rowCount), (row, y) =>
            {
                converter.Convert(row, rgb);
                placement.Write(rgb, y, upright.Pixels);
            });
        }
        return upright;
    }

    private static RawPixelConverter Converter(GObjectHandle image)
    {
        int bandCount = Vips.vips_image_get_bands(image);
        bool isGrey = bandCount < 3 || Vips.vips_image_get_interpretation(image) is VipsInterpretation.BlackWhite or VipsInterpretation.Grey16;
        return new RawPixelConverter(bandCount, isGrey, Vips.vips_image_get_format(image) == VipsBandFormat.UShort);
    }

    private readonly record struct Strip(int Width, int Top, int RowCount);

    private static unsafe void ReadStrip(GObjectHandle region, Strip strip, RowAction take)
    {
        nint pixels = Vips.vips_region_fetch(region, 0, strip.Top, strip.Width, strip.RowCount, out nuint byteLength);
        if (pixels == 0) throw VipsLibrary.TakeError();
        try
        {
            int rowByteLength = (int)byteLength / strip.RowCount;
            for (int row = 0; row < strip.RowCount; row++)
                take(new Span<byte>((byte*)pixels + (long)row * rowByteLength, rowByteLength), strip.Top + row);
        }
        finally
        {
            Vips.g_free(pixels);
        }
    }

    private delegate void RowAction(Span<byte> row, int y);

    private static string Name(ImageFormat format) => format switch
    {
        ImageFormat.WebP => "WebP",
        _ => format.ToString().ToUpperInvariant(),
    };
}
