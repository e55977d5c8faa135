using System.Buffers.Binary;
using System.IO.Compression;

namespace Tessera.Engine.NativeTests.Imaging;

/// <summary>Pictures of any size, written here; those of one colour in a row are small files.</summary>
internal static class MadePicture
{
    /// <summary>The grey of a row.</summary>
    public static byte Value(int y) => (byte)(y * 7);

    /// <summary>A grey PNG of 8 bits.</summary>
    /// <param name="width">Its width.</param>
    /// <param name="height">Its height as the header says.</param>
    /// <param name="rowCount">Rows that are there; all by default.</param>
    public static byte[] Png(int width, int height, int? rowCount = null)
    {
        using MemoryStream pixels = new();
        using (ZLibStream zipped = new(pixels, CompressionLevel.Fastest))
        {
            byte[] row = new byte[1 + width];
            for (int y = 0; y < (rowCount ?? height); y++)
            {
                row.AsSpan(1).Fill(Value(y));
                zipped.Write(row);
            }
        }

        using MemoryStream file = new();
        file.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        WriteChunk(file, "IHDR"u8, header);
        WriteChunk(file, "IDAT"u8, pixels.ToArray());
        WriteChunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    private static void WriteChunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        byte[] chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        type.CopyTo(chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Checksum(chunk.AsSpan(4, 4 + data.Length)));
        file.Write(chunk);
    }

    // CRC-32 of ISO 3309, as PNG has it.
    private static uint Checksum(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
