using System.Buffers.Binary;
using System.Numerics;

namespace Tessera.Imaging;

/// <summary>
/// Reads uncompressed Windows bitmaps of 1, 4, 8, 24 and 32 bits, which libvips cannot. The fourth byte of a 32-bit pixel counts as
/// alpha only where the header has a mask for it, as in Pillow, src/PIL/BmpImagePlugin.py at 12.0.
/// </summary>
internal static class BmpReader
{
    private const int FileHeaderLength = 14;
    private const int CoreHeaderLength = 12;
    private const int InfoHeaderLength = 40;
    private const int AlphaMaskHeaderLength = 56;
    private const int Uncompressed = 0;
    private const int BitFields = 3;

    private readonly record struct Header(
        int Length,
        int Width,
        int Height,
        bool TopDown,
        int BitsPerPixel,
        uint Compression,
        uint ColorCount,
        uint PixelOffset
    );

    // Byte positions of the colours in a 32-bit pixel; alpha -1 where there is none.
    private readonly record struct ByteOrder(int Red, int Green, int Blue, int Alpha);

    /// <summary>Decodes a bitmap file.</summary>
    /// <exception cref="ImageException">The file is damaged, cut short, of a kind that is not supported, or too large.</exception>
    public static RgbImage Read(ReadOnlySpan<byte> data, ImageSizeLimit limit)
    {
        Header header = ReadHeader(data, limit);
        long rowByteLength = ((long)header.Width * header.BitsPerPixel + 31) / 32 * 4;
        if (header.PixelOffset + rowByteLength * header.Height > data.Length)
            throw CutShort(limit);
        ReadOnlySpan<byte> rows = data[(int)header.PixelOffset..];
        RgbImage image = new(header.Width, header.Height);
        byte[] palette = header.BitsPerPixel <= 8 ? ReadPalette(data, header) : [];
        ByteOrder order = header.BitsPerPixel == 32 ? ReadByteOrder(data, header, limit) : default;
        for (int y = 0; y < header.Height; y++)
        {
            ReadOnlySpan<byte> row = rows.Slice(y * (int)rowByteLength, (int)rowByteLength);
            Span<byte> target = image.Row(header.TopDown ? y : header.Height - 1 - y);
            if (header.BitsPerPixel <= 8)
                ConvertIndexed(row, target, header.BitsPerPixel, palette);
            else if (header.BitsPerPixel == 24)
                Convert24(row, target);
            else
                Convert32(row, target, order);
        }
        return image;
    }

    private static Header ReadHeader(ReadOnlySpan<byte> data, ImageSizeLimit limit)
    {
        if (data.Length < FileHeaderLength + CoreHeaderLength)
            throw CutShort(limit);
        int length = BinaryPrimitives.ReadInt32LittleEndian(data[14..]);
        if (length != CoreHeaderLength && length is < InfoHeaderLength or > 124)
            throw Damaged(limit, $"header of {length} bytes");
        if (data.Length < FileHeaderLength + length)
            throw CutShort(limit);
        uint pixelOffset = BinaryPrimitives.ReadUInt32LittleEndian(data[10..]);
        Header header = length == CoreHeaderLength ? ReadCore(data, pixelOffset) : ReadInfo(data, length, pixelOffset);
        limit.Require(header.Width, header.Height);
        bool supported =
            header.BitsPerPixel is 1 or 4 or 8 or 24 or 32
            && (header.Compression == Uncompressed || (header.Compression == BitFields && header.BitsPerPixel == 32));
        if (!supported)
            throw new ImageException(
                limit.SourceName,
                "Only uncompressed BMP pictures of 1, 4, 8, 24 or 32 bits can be read, "
                    + $"not {header.BitsPerPixel} bits with compression {header.Compression}; save it as PNG."
            );
        if (pixelOffset < FileHeaderLength + length)
            throw Damaged(limit, $"pixels at byte {pixelOffset}");
        return header;
    }

    private static Header ReadCore(ReadOnlySpan<byte> data, uint pixelOffset)
    {
        int width = BinaryPrimitives.ReadUInt16LittleEndian(data[18..]),
            height = BinaryPrimitives.ReadUInt16LittleEndian(data[20..]);
        return new Header(
            CoreHeaderLength,
            width,
            height,
            false,
            BinaryPrimitives.ReadUInt16LittleEndian(data[24..]),
            Uncompressed,
            0,
            pixelOffset
        );
    }

    private static Header ReadInfo(ReadOnlySpan<byte> data, int length, uint pixelOffset)
    {
        int width = BinaryPrimitives.ReadInt32LittleEndian(data[18..]),
            height = BinaryPrimitives.ReadInt32LittleEndian(data[22..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(data[28..]);
        uint compression = BinaryPrimitives.ReadUInt32LittleEndian(data[30..]),
            colors = BinaryPrimitives.ReadUInt32LittleEndian(data[46..]);
        int magnitude = height == int.MinValue ? 0 : Math.Abs(height);
        return new Header(length, width, magnitude, height < 0, bits, compression, colors, pixelOffset);
    }

    // Always 256 colours as red, green, blue; those that the file lacks are black.
    private static byte[] ReadPalette(ReadOnlySpan<byte> data, Header header)
    {
        byte[] palette = new byte[256 * RgbImage.BytesPerPixel];
        int entryLength = header.Length == CoreHeaderLength ? 3 : 4;
        long count = header.ColorCount == 0 ? 1 << header.BitsPerPixel : Math.Min(header.ColorCount, 1u << header.BitsPerPixel);
        ReadOnlySpan<byte> entries = data[(FileHeaderLength + header.Length)..(int)header.PixelOffset];
        for (int i = 0; i < count && (i + 1) * entryLength <= entries.Length; i++)
        {
            ReadOnlySpan<byte> entry = entries.Slice(i * entryLength, 3);
            (palette[i * 3], palette[i * 3 + 1], palette[i * 3 + 2]) = (entry[2], entry[1], entry[0]);
        }
        return palette;
    }

    private static ByteOrder ReadByteOrder(ReadOnlySpan<byte> data, Header header, ImageSizeLimit limit)
    {
        if (header.Compression == Uncompressed)
            return new ByteOrder(2, 1, 0, -1);
        const int Masks = FileHeaderLength + InfoHeaderLength;
        if (data.Length < Masks + 16)
            throw CutShort(limit);
        return new ByteOrder(
            Position(data, Masks, limit),
            Position(data, Masks + 4, limit),
            Position(data, Masks + 8, limit),
            header.Length >= AlphaMaskHeaderLength && BinaryPrimitives.ReadUInt32LittleEndian(data[(Masks + 12)..]) != 0
                ? Position(data, Masks + 12, limit)
                : -1
        );
    }

    private static int Position(ReadOnlySpan<byte> data, int at, ImageSizeLimit limit)
    {
        uint mask = BinaryPrimitives.ReadUInt32LittleEndian(data[at..]);
        int shift = BitOperations.TrailingZeroCount(mask);
        if (shift % 8 != 0 || mask >> shift != 0xFF)
            throw Damaged(limit, $"colour mask {mask:x8}");
        return shift / 8;
    }

    private static void ConvertIndexed(ReadOnlySpan<byte> row, Span<byte> target, int bitsPerPixel, byte[] palette)
    {
        int mask = (1 << bitsPerPixel) - 1;
        for (int x = 0, bit = 0; x < target.Length; x += RgbImage.BytesPerPixel, bit += bitsPerPixel)
        {
            int index = row[bit / 8] >> (8 - bitsPerPixel - bit % 8) & mask;
            palette.AsSpan(index * RgbImage.BytesPerPixel, RgbImage.BytesPerPixel).CopyTo(target[x..]);
        }
    }

    private static void Convert24(ReadOnlySpan<byte> row, Span<byte> target)
    {
        for (int x = 0; x < target.Length; x += RgbImage.BytesPerPixel)
            (target[x], target[x + 1], target[x + 2]) = (row[x + 2], row[x + 1], row[x]);
    }

    private static void Convert32(ReadOnlySpan<byte> row, Span<byte> target, ByteOrder order)
    {
        for (int x = 0; x < target.Length; x += RgbImage.BytesPerPixel, row = row[4..])
        {
            int alpha = order.Alpha < 0 ? 255 : row[order.Alpha];
            target[x] = RawPixelConverter.OverWhite(row[order.Red], alpha);
            target[x + 1] = RawPixelConverter.OverWhite(row[order.Green], alpha);
            target[x + 2] = RawPixelConverter.OverWhite(row[order.Blue], alpha);
        }
    }

    private static ImageException CutShort(ImageSizeLimit limit) => new(limit.SourceName, "The BMP picture is cut short.");

    private static ImageException Damaged(ImageSizeLimit limit, string what) =>
        new(limit.SourceName, $"The BMP picture is damaged ({what}).");
}
