using NetVips;
using Tessera.Native;

namespace Tessera.Imaging;

/// <summary>A picture file opened with libvips: its header is read, its pixels are decoded on demand, from the top, once.</summary>
internal sealed class VipsImage : IDisposable
{
    // Of 100: thin lines stay sharp.
    private const int WrittenQuality = 92;

    private const int StripByteLength = 1 << 18;

    // libvips keeps the rows of one request in a list of tiles that it walks for every tile: many rows at once cost their square.
    private const int StripHeight = 256;

    private readonly Source source;
    private readonly Image image;

    private VipsImage(Source source, Image image)
    {
        this.source = source;
        this.image = image;
        Orientation = image.Contains("orientation") && image.Get("orientation") is int orientation ? orientation : 1;
    }

    public int Width => image.Width;

    public int Height => image.Height;

    /// <summary>EXIF tag 0x0112; 1 where the file has none.</summary>
    public int Orientation { get; }

    /// <summary>Reads the header.</summary>
    /// <param name="format">The format, which alone is tried.</param>
    /// <param name="data">The whole file; an array is used in place.</param>
    /// <exception cref="VipsException">The header is damaged.</exception>
    public static VipsImage Open(ImageFormat format, ReadOnlyMemory<byte> data)
    {
        VipsLibrary.EnsureStarted();
        bool isWholeArray =
            System.Runtime.InteropServices.MemoryMarshal.TryGetArray(data, out ArraySegment<byte> segment)
            && segment.Offset == 0
            && segment.Count == segment.Array!.Length;
        Source source = Source.NewFromMemory(isWholeArray ? segment.Array! : data.ToArray());
        try
        {
            VOption options = new() { ["access"] = Enums.Access.Sequential, ["fail_on"] = Enums.FailOn.Error };
            return new VipsImage(source, (Image)Operation.Call(Loader(format), options, source));
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>Decodes to upright 8-bit RGB.</summary>
    /// <param name="cancellationToken">Stops between strips of rows.</param>
    /// <exception cref="VipsException">The file is damaged or cut short.</exception>
    public RgbImage ReadPixels(CancellationToken cancellationToken)
    {
        using Image? converted = ConvertColors(image);
        Image plain = converted ?? image;
        using Region region = Region.New(plain);
        RawPixelConverter converter = Converter(plain);
        PixelPlacement placement = PixelPlacement.Create(Width, Height, Orientation);
        RgbImage upright = new(placement.Width, placement.Height);
        byte[] rgb = new byte[Width * RgbImage.BytesPerPixel];
        long rowByteLength = (long)Width * converter.BytesPerPixel;
        int stripHeight = (int)Math.Clamp(StripByteLength / rowByteLength, 1, Math.Min(Height, StripHeight));
        for (int top = 0; top < Height; top += stripHeight)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadStrip(
                region,
                new Strip(Width, top, Math.Min(stripHeight, Height - top)),
                (row, y) =>
                {
                    converter.Convert(row, rgb);
                    placement.Write(rgb, y, upright.Pixels);
                }
            );
        }
        return upright;
    }

    /// <summary>A picture as the bytes of a file.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="format">JPEG, WebP or PNG.</param>
    public static byte[] Encode(RgbImage picture, ImageFormat format)
    {
        VipsLibrary.EnsureStarted();
        using Image whole = Image.NewFromMemory(
            picture.PixelArray,
            picture.Width,
            picture.Height,
            RgbImage.BytesPerPixel,
            Enums.BandFormat.Uchar
        );
        return format switch
        {
            ImageFormat.Jpeg => whole.JpegsaveBuffer(q: WrittenQuality),
            ImageFormat.WebP => whole.WebpsaveBuffer(q: WrittenQuality),
            ImageFormat.Png => whole.PngsaveBuffer(),
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Pictures are written as PNG, JPEG and WebP only."),
        };
    }

    /// <summary>What is wrong with the file, in libvips's words, as an ending for a sentence: " [reason]", or "" without one.</summary>
    public static string Reason(VipsException failure) => VipsLibrary.Reason(failure) is { Length: > 0 } reason ? $" [{reason}]" : "";

    // The image holds the source, and the source the file's bytes.
    public void Dispose()
    {
        image.Dispose();
        source.Dispose();
    }

    private static string Loader(ImageFormat format) =>
        format switch
        {
            ImageFormat.Jpeg => "jpegload_source",
            ImageFormat.Png => "pngload_source",
            ImageFormat.WebP => "webpload_source",
            ImageFormat.Gif => "gifload_source",
            ImageFormat.Tiff => "tiffload_source",
            ImageFormat.Avif => "heifload_source",
            _ => throw new ArgumentOutOfRangeException(nameof(format)),
        };

    // 8- and 16-bit grey and RGB stay as they are, with or without alpha: null; everything else becomes 8-bit sRGB.
    private static Image? ConvertColors(Image image)
    {
        if (image.Interpretation == Enums.Interpretation.Cmyk)
            return image.IccTransform("srgb", embedded: true, inputProfile: "cmyk");
        bool plainColors =
            image.Interpretation
            is Enums.Interpretation.Srgb
                or Enums.Interpretation.Rgb
                or Enums.Interpretation.Rgb16
                or Enums.Interpretation.Bw
                or Enums.Interpretation.Grey16;
        if (plainColors && image.Format is (Enums.BandFormat.Uchar or Enums.BandFormat.Ushort))
            return null;
        using Image srgb = image.Colourspace(Enums.Interpretation.Srgb);
        return srgb.Cast(Enums.BandFormat.Uchar);
    }

    private static RawPixelConverter Converter(Image image)
    {
        bool isGrey = image.Bands < 3 || image.Interpretation is Enums.Interpretation.Bw or Enums.Interpretation.Grey16;
        return new RawPixelConverter(image.Bands, isGrey, image.Format == Enums.BandFormat.Ushort);
    }

    private readonly record struct Strip(int Width, int Top, int RowCount);

    private delegate void RowAction(Span<byte> row, int y);

    private static unsafe void ReadStrip(Region region, Strip strip, RowAction take)
    {
        nint pixels = Vips.vips_region_fetch(region, 0, strip.Top, strip.Width, strip.RowCount, out nuint byteLength);
        if (pixels == 0)
            throw new VipsException("vips_region_fetch");
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
}
