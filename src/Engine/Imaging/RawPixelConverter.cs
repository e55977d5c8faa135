using System.Runtime.InteropServices;

namespace Tessera.Imaging;

/// <summary>
/// Turns rows of decoded bands into 8-bit RGB: 16-bit values keep their high byte, grey is repeated, alpha is composited over white,
/// further bands are dropped.
/// </summary>
/// <param name="BandCount">Values of one pixel, at least 1.</param>
/// <param name="IsGrey">Whether the first band alone is the colour; else the first three are red, green and blue.</param>
/// <param name="IsWide">Whether a value has 16 bits, in the machine's byte order.</param>
internal readonly record struct RawPixelConverter(int BandCount, bool IsGrey, bool IsWide)
{
    private int ColorBandCount => IsGrey ? 1 : 3;

    /// <summary>Bytes of one decoded pixel.</summary>
    public int BytesPerPixel => BandCount * (IsWide ? 2 : 1);

    /// <summary>Converts one row.</summary>
    /// <param name="raw">The decoded row: <c>[width, BandCount]</c> of 8 or 16 bits; a 16-bit row is overwritten.</param>
    /// <param name="rgb">The result: <c>[width, 3]</c>.</param>
    public void Convert(Span<byte> raw, Span<byte> rgb)
    {
        if (IsWide)
            raw = KeepHighBytes(raw);
        bool hasAlpha = BandCount > ColorBandCount;
        if (!hasAlpha && !IsGrey)
        {
            raw.CopyTo(rgb);
            return;
        }
        for (int from = 0, to = 0; to < rgb.Length; from += BandCount, to += RgbImage.BytesPerPixel)
        {
            int alpha = hasAlpha ? raw[from + ColorBandCount] : 255;
            rgb[to] = OverWhite(raw[from], alpha);
            rgb[to + 1] = OverWhite(raw[IsGrey ? from : from + 1], alpha);
            rgb[to + 2] = OverWhite(raw[IsGrey ? from : from + 2], alpha);
        }
    }

    /// <summary>A value with <paramref name="alpha"/> of 255 parts, composited over white and rounded to nearest.</summary>
    public static byte OverWhite(int value, int alpha) => (byte)((value * alpha + 255 * (255 - alpha) + 127) / 255);

    private static Span<byte> KeepHighBytes(Span<byte> raw)
    {
        Span<ushort> wide = MemoryMarshal.Cast<byte, ushort>(raw);
        for (int i = 0; i < wide.Length; i++)
            raw[i] = (byte)(wide[i] >> 8);
        return raw[..wide.Length];
    }
}
