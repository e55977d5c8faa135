namespace Tessera.Imaging;

/// <summary>A kind of image file that can be read, told by its first bytes; the name and extension of a file say nothing.</summary>
internal enum ImageFormat
{
    Unknown,
    Jpeg,
    Png,
    WebP,
    Gif,
    Tiff,
    Avif,
    Heic,
    Bmp,
    Ppm,
    Jpeg2000,
    Pdf,
}

/// <summary>Tells image files apart.</summary>
internal static class ImageFormats
{
    /// <summary>The formats as an error message names them.</summary>
    public const string Readable = "JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP and PPM";

    /// <summary>First bytes that <see cref="Detect"/> needs at most.</summary>
    public const int SignatureLength = 16;

    /// <summary>The format that the first bytes announce.</summary>
    public static ImageFormat Detect(ReadOnlySpan<byte> data)
    {
        if (data.StartsWith<byte>([0xFF, 0xD8, 0xFF]))
            return ImageFormat.Jpeg;
        if (data.StartsWith<byte>([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
            return ImageFormat.Png;
        if (data.StartsWith("GIF87a"u8) || data.StartsWith("GIF89a"u8))
            return ImageFormat.Gif;
        if (data.StartsWith("RIFF"u8) && data.Length >= 12 && data[8..].StartsWith("WEBP"u8))
            return ImageFormat.WebP;
        if (IsTiff(data))
            return ImageFormat.Tiff;
        if (data.Length >= 12 && data[4..].StartsWith("ftyp"u8))
            return DetectHeif(data.Slice(8, 4));
        if (PortableMapReader.Matches(data))
            return ImageFormat.Ppm;
        if (data.StartsWith<byte>([0, 0, 0, 0x0C, 0x6A, 0x50, 0x20, 0x20, 0x0D, 0x0A]) || data.StartsWith<byte>([0xFF, 0x4F, 0xFF, 0x51]))
            return ImageFormat.Jpeg2000;
        if (data.StartsWith("%PDF-"u8))
            return ImageFormat.Pdf;
        return data.StartsWith("BM"u8) ? ImageFormat.Bmp : ImageFormat.Unknown;
    }

    /// <summary>The format that the first bytes announce, of those that can be read.</summary>
    /// <exception cref="ImageException">There is none.</exception>
    public static ImageFormat Require(ReadOnlySpan<byte> data, string sourceName) =>
        Detect(data) switch
        {
            ImageFormat.Unknown => throw new ImageException(sourceName, $"This is not a picture that can be read; {Readable} can."),
            ImageFormat.Jpeg2000 => throw new ImageException(sourceName, $"JPEG 2000 pictures cannot be read; {Readable} can."),
            ImageFormat.Pdf => throw new ImageException(sourceName, "This is a PDF: one of its pages can be read as a picture."),
            ImageFormat.Heic => throw new ImageException(sourceName, $"HEIC pictures cannot be read; {Readable} can."),
            ImageFormat format => format,
        };

    // Classic TIFF has version 42, BigTIFF 43, in the file's byte order.
    private static bool IsTiff(ReadOnlySpan<byte> data) =>
        data.StartsWith("II*\0"u8) || data.StartsWith("MM\0*"u8) || data.StartsWith("II+\0"u8) || data.StartsWith("MM\0+"u8);

    private static ImageFormat DetectHeif(ReadOnlySpan<byte> brand)
    {
        if (brand.SequenceEqual("avif"u8) || brand.SequenceEqual("avis"u8) || brand.SequenceEqual("mif1"u8))
            return ImageFormat.Avif;
        return brand.StartsWith("hei"u8) || brand.StartsWith("hev"u8) ? ImageFormat.Heic : ImageFormat.Unknown;
    }
}
