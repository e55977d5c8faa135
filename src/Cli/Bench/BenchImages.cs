using System.Buffers.Binary;
using System.Globalization;
using Tessera.Cli.Commands;

namespace Tessera.Cli.Bench;

/// <summary>The picture to measure with; each round gets a copy that no cache knows.</summary>
internal sealed class BenchImages
{
    private const int MaxSide = 20_000;
    private readonly byte[] bytes;

    private BenchImages(byte[] bytes, string name) => (this.bytes, Name) = (bytes, name);

    public string Name { get; }

    public static BenchImages OfFile(PromptImage image) => new(image.Data.ToArray(), image.Name);

    /// <exception cref="UsageException">The size is none.</exception>
    public static BenchImages Drawn(string size)
    {
        string[] sides = size.Split('x');
        if (sides.Length != 2 || !TryParse(sides[0], out int width) || !TryParse(sides[1], out int height))
            throw new UsageException($"--size is '{size}', not a width and a height such as 1344x896, each up to {MaxSide}.");
        return new BenchImages(Bitmap(width, height), $"drawn, {width} x {height}");
    }

    /// <summary>The picture with a few bytes behind its end, which decoders ignore and caches do not.</summary>
    public PromptImage Copy(int round)
    {
        var copy = new byte[bytes.Length + sizeof(int)];
        bytes.CopyTo(copy, 0);
        BinaryPrimitives.WriteInt32LittleEndian(copy.AsSpan(bytes.Length), round);
        return new PromptImage(copy, Name);
    }

    private static bool TryParse(string text, out int side) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out side) && side is > 0 and <= MaxSide;

    // An uncompressed 24-bit BMP (BITMAPINFOHEADER) of noise over a gradient.
    private static byte[] Bitmap(int width, int height)
    {
        int stride = (width * 3 + 3) & ~3,
            headerLength = 54;
        var bitmap = new byte[headerLength + stride * height];
        "BM"u8.CopyTo(bitmap);
        foreach (
            (int offset, int value) in ((int, int)[])
                [(2, bitmap.Length), (10, headerLength), (14, 40), (18, width), (22, height), (26, 1 | (24 << 16)), (34, stride * height)]
        )
            BinaryPrimitives.WriteInt32LittleEndian(bitmap.AsSpan(offset), value);
        var random = new Random(1);
        for (int row = 0; row < height; row++)
        {
            Span<byte> line = bitmap.AsSpan(headerLength + row * stride, width * 3);
            for (int index = 0; index < line.Length; index++)
                line[index] = (byte)((row * 255 / height + index / 3 * 255 / width) / 2 ^ random.Next(32));
        }

        return bitmap;
    }
}
