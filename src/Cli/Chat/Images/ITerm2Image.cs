using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Tessera.Cli.Chat.Images;

/// <summary>Draws with iTerm2's inline images (iterm2.com/documentation-images.html): a PNG file in an OSC 1337 sequence.</summary>
internal static class ITerm2Image
{
    private const byte FilterNone = 0;

    /// <param name="picture">The picture.</param>
    /// <param name="columns">Columns that it takes.</param>
    public static string Encode(ImagePreview picture, int columns)
    {
        byte[] png = ToPng(picture);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"\e]1337;File=inline=1;size={png.Length};width={columns};preserveAspectRatio=1:{Convert.ToBase64String(png)}\a"
        );
    }

    /// <summary>A PNG file of 8-bit RGB (W3C PNG, third edition).</summary>
    internal static byte[] ToPng(ImagePreview picture)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, picture.Size.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), picture.Size.Height);
        (header[8], header[9]) = (8, 2);
        using var data = new MemoryStream();
        using (var stream = new ZLibStream(data, CompressionLevel.Fastest, leaveOpen: true))
        {
            int rowLength = 3 * picture.Size.Width;
            for (int y = 0; y < picture.Size.Height; y++)
            {
                stream.WriteByte(FilterNone);
                stream.Write(picture.Pixels.Span.Slice(y * rowLength, rowLength));
            }
        }

        return [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n', .. Chunk("IHDR", header), .. Chunk("IDAT", data.ToArray()), .. Chunk("IEND", [])];
    }

    private static byte[] Chunk(string type, byte[] data)
    {
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
        var chunk = new byte[body.Length + 8];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        body.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(body.Length + 4), Crc32(body));
        return chunk;
    }

    private static uint Crc32(byte[] data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }

        return ~crc;
    }
}
