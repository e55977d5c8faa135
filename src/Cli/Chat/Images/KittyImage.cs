using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Tessera.Cli.Chat.Images;

/// <summary>Draws with kitty's graphics protocol (sw.kovidgoyal.net/kitty/graphics-protocol): deflated RGB in pieces of 4096
/// letters.</summary>
internal static class KittyImage
{
    private const int ChunkLength = 4096;

    /// <param name="picture">The picture.</param>
    /// <param name="columns">Columns that it takes; the terminal scales it and keeps its proportions.</param>
    public static string Encode(ImagePreview picture, int columns)
    {
        string data = Convert.ToBase64String(Deflate(picture.Pixels.Span));
        var text = new StringBuilder();
        for (int start = 0; start < data.Length; start += ChunkLength)
        {
            int length = Math.Min(ChunkLength, data.Length - start);
            // q=2: no replies, which would arrive as typing.
            string keys =
                start > 0
                    ? ""
                    : string.Create(
                        CultureInfo.InvariantCulture,
                        $"a=T,q=2,f=24,o=z,s={picture.Size.Width},v={picture.Size.Height},c={columns},"
                    );
            text.Append(CultureInfo.InvariantCulture, $"\e_G{keys}m={(start + length < data.Length ? 1 : 0)};")
                .Append(data, start, length)
                .Append("\e\\");
        }

        return text.ToString();
    }

    private static byte[] Deflate(ReadOnlySpan<byte> pixels)
    {
        using var compressed = new MemoryStream();
        using (var stream = new ZLibStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
            stream.Write(pixels);
        return compressed.ToArray();
    }
}
