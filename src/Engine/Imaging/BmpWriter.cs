using System.Buffers.Binary;

namespace Tessera.Imaging;

/// <summary>Writes a picture as a BMP file of 24 bits, which costs no time and loses nothing.</summary>
internal static class BmpWriter
{
    private const int HeaderLength = 54;

    /// <summary>The bytes of the file.</summary>
    public static byte[] Write(RgbImage image)
    {
        int rowLength = (image.RowByteLength + 3) / 4 * 4;
        byte[] file = new byte[checked(HeaderLength + rowLength * image.Height)];
        "BM"u8.CopyTo(file);
        Put(file, 2, file.Length);
        Put(file, 10, HeaderLength);
        Put(file, 14, 40);
        Put(file, 18, image.Width);
        Put(file, 22, image.Height);
        file[26] = 1;
        file[28] = 24;
        Put(file, 34, file.Length - HeaderLength);
        for (int y = 0; y < image.Height; y++)
        {
            // From the lowest row up, blue first.
            ReadOnlySpan<byte> row = image.Row(image.Height - 1 - y);
            Span<byte> target = file.AsSpan(HeaderLength + y * rowLength, row.Length);
            for (int at = 0; at < row.Length; at += RgbImage.BytesPerPixel)
                (target[at], target[at + 1], target[at + 2]) = (row[at + 2], row[at + 1], row[at]);
        }

        return file;
    }

    private static void Put(byte[] file, int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
}
