using System.Security.Cryptography;

namespace Tessera.Imaging;

/// <summary>
/// An encoded picture that is looked into as late as possible, and once: its header, its pixels as long as somebody holds them, its
/// digest. Thread-safe.
/// </summary>
/// <param name="data">The whole file.</param>
/// <param name="name">Its name for messages.</param>
internal sealed class ImageSource(ReadOnlyMemory<byte> data, string name)
{
    private readonly Lock gate = new();
    private readonly WeakReference<RgbImage> pixels = new(null!);
    private readonly Lazy<byte[]> digest = new(() => SHA256.HashData(data.Span));
    private PixelSize? size;

    /// <summary>SHA-256 of the file.</summary>
    public ReadOnlySpan<byte> Digest => digest.Value;

    /// <summary>Size of the picture, upright; reads its header only.</summary>
    /// <exception cref="ImageException">It has more pixels than the limit, or is no picture.</exception>
    public PixelSize ReadSize(long maxPixels)
    {
        lock (gate)
        {
            if (size is { } known)
                new ImageSizeLimit(name, maxPixels).Require(known.Width, known.Height);
            else if (ImageFormats.Detect(data.Span) == ImageFormat.Bmp)
                // Whether its rows are bottom up, and how many there are, shows with its pixels.
                size = SizeOf(DecodeAnew(maxPixels, CancellationToken.None));
            else
                size = ImageCodec.ReadSize(data, name, maxPixels);
            return size.Value;
        }
    }

    /// <summary>The picture as upright 8-bit RGB, which nobody may change.</summary>
    /// <exception cref="ImageException">It is damaged, has more pixels than the limit, or is no picture.</exception>
    public RgbImage Decode(long maxPixels, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (!pixels.TryGetTarget(out RgbImage? decoded))
                return DecodeAnew(maxPixels, cancellationToken);
            new ImageSizeLimit(name, maxPixels).Require(decoded.Width, decoded.Height);
            return decoded;
        }
    }

    private RgbImage DecodeAnew(long maxPixels, CancellationToken cancellationToken)
    {
        RgbImage decoded = ImageCodec.Decode(data, name, maxPixels, cancellationToken);
        pixels.SetTarget(decoded);
        size = SizeOf(decoded);
        return decoded;
    }

    private static PixelSize SizeOf(RgbImage image) => new(image.Width, image.Height);
}
