using System.Buffers.Binary;

namespace Tessera.Imaging;

/// <summary>
/// Reads portable bit-, grey- and pixmaps, P1 to P6, which libvips's packages cannot. Values are scaled to 8 bits and rounded as Pillow
/// does for RGB (src/PIL/PpmImagePlugin.py at 12.0).
/// </summary>
internal static class PortableMapReader
{
    private const int MaxNumber = 1_000_000_000;
    private const int WhiteByte = 255;

    /// <param name="IsText">Whether samples are written as numbers, not as bytes.</param>
    /// <param name="IsBits">Whether a sample is a bit, 1 for black.</param>
    /// <param name="Channels">1 or 3.</param>
    /// <param name="Width">Pixels.</param>
    /// <param name="Height">Pixels.</param>
    /// <param name="Most">The value of white.</param>
    /// <param name="Offset">Where the samples begin.</param>
    private readonly record struct Header(bool IsText, bool IsBits, int Channels, int Width, int Height, int Most, int Offset);

    /// <summary>Whether data begins as such a picture does.</summary>
    public static bool Matches(ReadOnlySpan<byte> data) =>
        data.Length > 2 && data[0] == 'P' && data[1] is >= (byte)'1' and <= (byte)'6' && IsBlank(data[2]);

    /// <summary>The picture's size, from its header.</summary>
    /// <exception cref="ImageException">It is damaged or too large.</exception>
    public static PixelSize ReadSize(ReadOnlySpan<byte> data, ImageSizeLimit limit)
    {
        Header header = ReadHeader(data, limit);
        return new PixelSize(header.Width, header.Height);
    }

    /// <summary>Decodes a picture.</summary>
    /// <exception cref="ImageException">It is damaged, cut short or too large.</exception>
    public static RgbImage Read(ReadOnlySpan<byte> data, ImageSizeLimit limit)
    {
        Header header = ReadHeader(data, limit);
        long samples = (long)header.Width * header.Height * header.Channels;
        long bytes =
            header.IsText ? (header.IsBits ? samples : 2 * samples - 1)
            : header.IsBits ? (header.Width + 7L) / 8 * header.Height
            : samples * (header.Most > WhiteByte ? 2 : 1);
        // Before anything is allocated by what the header claims.
        if (data.Length - header.Offset < bytes)
            throw new ImageException(limit.SourceName, "The PPM picture is cut short.");
        var image = new RgbImage(header.Width, header.Height);
        int position = header.Offset;
        for (int y = 0; y < header.Height; y++)
        {
            if (header.IsText)
                position = ReadTextRow(data, position, image.Row(y), header, limit);
            else if (header.IsBits)
                position = ReadBitRow(data, position, image.Row(y), header.Width);
            else
                position = ReadByteRow(data, position, image.Row(y), header);
        }

        return image;
    }

    private static Header ReadHeader(ReadOnlySpan<byte> data, ImageSizeLimit limit)
    {
        int kind = data[1] - '0',
            position = 2;
        bool isBits = kind is 1 or 4;
        int width = ReadNumber(data, ref position, limit),
            height = ReadNumber(data, ref position, limit);
        int most = isBits ? 1 : ReadNumber(data, ref position, limit);
        limit.Require(width, height);
        if (most is < 1 or > ushort.MaxValue)
            throw Damaged(limit, $"its largest value is {most}");
        // One blank, which may be any byte, ends the header.
        return new Header(kind <= 3, isBits, kind is 3 or 6 ? 3 : 1, width, height, most, Math.Min(position + 1, data.Length));
    }

    private static int ReadNumber(ReadOnlySpan<byte> data, ref int position, ImageSizeLimit limit)
    {
        while (position < data.Length && (IsBlank(data[position]) || data[position] == '#'))
        {
            if (data[position] == '#')
                while (position < data.Length && data[position] is not ((byte)'\n' or (byte)'\r'))
                    position++;
            else
                position++;
        }

        int start = position,
            number = 0;
        for (; position < data.Length && data[position] is >= (byte)'0' and <= (byte)'9'; position++)
            number = number < MaxNumber / 10 ? number * 10 + (data[position] - '0') : MaxNumber;
        return position > start ? number : throw Damaged(limit, $"there is no number at byte {start}");
    }

    private static int ReadTextRow(ReadOnlySpan<byte> data, int position, Span<byte> row, Header header, ImageSizeLimit limit)
    {
        int step = RgbImage.BytesPerPixel / header.Channels;
        for (int index = 0; index < row.Length; index += step)
        {
            byte value;
            if (header.IsBits)
            {
                while (position < data.Length && IsBlank(data[position]))
                    position++;
                if (position >= data.Length || data[position] is not ((byte)'0' or (byte)'1'))
                    throw Damaged(limit, $"there is no bit at byte {position}");
                value = data[position++] == '1' ? (byte)0 : (byte)WhiteByte;
            }
            else
            {
                value = Scale(ReadNumber(data, ref position, limit), header.Most);
            }

            row.Slice(index, step).Fill(value);
        }

        return position;
    }

    private static int ReadBitRow(ReadOnlySpan<byte> data, int position, Span<byte> row, int width)
    {
        for (int x = 0; x < width; x++)
        {
            bool isBlack = (data[position + x / 8] >> (7 - x % 8) & 1) == 1;
            row.Slice(x * RgbImage.BytesPerPixel, RgbImage.BytesPerPixel).Fill(isBlack ? (byte)0 : (byte)WhiteByte);
        }

        return position + (width + 7) / 8;
    }

    private static int ReadByteRow(ReadOnlySpan<byte> data, int position, Span<byte> row, Header header)
    {
        int step = RgbImage.BytesPerPixel / header.Channels,
            width = header.Most > WhiteByte ? 2 : 1;
        for (int index = 0; index < row.Length; index += step, position += width)
        {
            int value = width == 1 ? data[position] : BinaryPrimitives.ReadUInt16BigEndian(data[position..]);
            row.Slice(index, step).Fill(Scale(value, header.Most));
        }

        return position;
    }

    private static byte Scale(int value, int most) =>
        most == WhiteByte ? (byte)Math.Min(value, WhiteByte) : (byte)Math.Min(WhiteByte, Math.Round((double)value / most * WhiteByte));

    private static bool IsBlank(byte character) => character is (byte)' ' or (>= 9 and <= 13);

    private static ImageException Damaged(ImageSizeLimit limit, string what) =>
        new(limit.SourceName, $"The PPM picture is damaged ({what}).");
}
