using System.Globalization;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Tessera.Cli.Chat.Images;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

public sealed partial class PictureEncodingTests
{
    // Gradients with hard edges, odd in both sizes.
    private static readonly ImagePreview Picture = Create(37, 23);

    [Fact]
    public void Kitty_gets_the_pixels_as_they_are()
    {
        string text = KittyImage.Encode(Create(301, 203), 40);
        MatchCollection chunks = KittyChunk().Matches(text);
        Assert.Equal(text.Length, chunks.Sum(static chunk => chunk.Length));
        Assert.Equal("a=T,q=2,f=24,o=z,s=301,v=203,c=40,", chunks[0].Groups[1].Value);
        Assert.All(chunks, static chunk => Assert.InRange(chunk.Groups[3].Length, 1, 4096));
        Assert.Equal([.. Enumerable.Repeat("1", chunks.Count - 1), "0"], chunks.Select(static chunk => chunk.Groups[2].Value));
        using var stream = new ZLibStream(
            new MemoryStream(Convert.FromBase64String(string.Concat(chunks.Select(static chunk => chunk.Groups[3].Value)))),
            CompressionMode.Decompress
        );
        using var pixels = new MemoryStream();
        stream.CopyTo(pixels);
        Assert.Equal(Create(301, 203).Pixels.ToArray(), pixels.ToArray());
    }

    [Fact]
    public void ITerm2_gets_a_PNG_file_that_decodes_to_the_pixels()
    {
        Match match = ITerm2Sequence().Match(ITerm2Image.Encode(Picture, 37));
        Assert.True(match.Success);
        byte[] png = Convert.FromBase64String(match.Groups[2].Value);
        Assert.Equal(png.Length, int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
        using VisionModel vision = VisionModel.Open(Goldens.Projector);
        ImagePreview decoded = vision.Preview(new PromptImage(png, "test.png"), new PixelSize(1000, 1000));
        Assert.Equal(Picture.Size, decoded.Size);
        Assert.Equal(Picture.Pixels.ToArray(), decoded.Pixels.ToArray());
    }

    [Fact]
    public void Half_blocks_hold_two_pixels_each()
    {
        string[] rows = HalfBlockImage.Encode(Picture, hasAllColours: true).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(12, rows.Length);
        for (int row = 0; row < rows.Length; row++)
        {
            (string? top, string? bottom) = (null, null);
            int x = 0;
            foreach (Match match in HalfBlockToken().Matches(rows[row]))
            {
                if (match.Value == "▀")
                {
                    Assert.Equal(Pixel(x, 2 * row), top);
                    if (2 * row + 1 < Picture.Size.Height)
                        Assert.Equal(Pixel(x, 2 * row + 1), bottom);
                    x++;
                }

                if (match.Value.StartsWith("\e[38;2;", StringComparison.Ordinal))
                    top = match.Groups[1].Value;
                if (match.Value.StartsWith("\e[48;2;", StringComparison.Ordinal))
                    bottom = match.Groups[1].Value;
            }

            Assert.Equal(Picture.Size.Width, x);
        }
    }

    [Fact]
    public void The_nearest_of_256_colours_is_the_nearest()
    {
        var random = new Random(1);
        for (int count = 0; count < 2000; count++)
        {
            (int red, int green, int blue) = (random.Next(256), random.Next(256), random.Next(256));
            if (count % 3 == 0)
                green = blue = red;
            int Error(int index) =>
                Palette256(index) is var (r, g, b) ? (r - red) * (r - red) + (g - green) * (g - green) + (b - blue) * (b - blue) : 0;
            int found = HalfBlockImage.Nearest256(red, green, blue);
            Assert.InRange(found, 16, 255);
            Assert.Equal(Enumerable.Range(16, 240).Min(Error), Error(found));
        }
    }

    [Fact]
    public void Sixels_decode_to_nearly_the_same_picture()
    {
        (int width, int height, byte[] pixels) = SixelDecoder.Decode(SixelImage.Encode(Picture));
        Assert.Equal(Picture.Size, new PixelSize(width, height));
        byte[] original = Picture.Pixels.ToArray();
        // Each pixel is one of 216 colours, but the mean of a neighbourhood is right.
        for (int channel = 0; channel < 3; channel++)
        {
            double Mean(byte[] values) => values.Where((_, index) => index % 3 == channel).Average(static value => (double)value);
            Assert.Equal(Mean(original), Mean(pixels), 4.0);
        }

        Assert.InRange(original.Zip(pixels, static (left, right) => Math.Abs(left - right)).Average(), 0, 26);
    }

    [Fact]
    public void A_preview_has_the_pictures_proportions_and_shows_the_grid()
    {
        using VisionModel vision = VisionModel.Open(Goldens.Projector);
        var image = new PromptImage(File.ReadAllBytes(Goldens.RepositoryPath("samples", "shapes.png")), "shapes.png");
        ImagePreview plain = vision.Preview(image, new PixelSize(60, 40)),
            drawn = vision.Preview(image, new PixelSize(60, 40), vision.Plan(vision.ReadSize(image)));
        Assert.Equal(new PixelSize(40, 40), plain.Size);
        Assert.Equal(plain.Size, drawn.Size);
        Assert.Equal([255, 140, 0], drawn.Pixels.Span[..3].ToArray());
        Assert.Equal([255, 140, 0], drawn.Pixels.Span[^3..].ToArray());
        Assert.NotEqual([255, 140, 0], plain.Pixels.Span[..3].ToArray());
    }

    private static string Pixel(int x, int y)
    {
        ReadOnlySpan<byte> pixel = Picture.Pixels.Span.Slice(3 * (y * Picture.Size.Width + x), 3);
        return string.Create(CultureInfo.InvariantCulture, $"{pixel[0]};{pixel[1]};{pixel[2]}");
    }

    private static (int Red, int Green, int Blue) Palette256(int index)
    {
        if (index >= 232)
            return (8 + 10 * (index - 232), 8 + 10 * (index - 232), 8 + 10 * (index - 232));
        int Level(int step) => step == 0 ? 0 : 55 + 40 * step;
        return (Level((index - 16) / 36), Level((index - 16) / 6 % 6), Level((index - 16) % 6));
    }

    private static ImagePreview Create(int width, int height)
    {
        var pixels = new byte[3 * width * height];
        for (int index = 0; index < width * height; index++)
        {
            (int x, int y) = (index % width, index / width);
            (pixels[3 * index], pixels[3 * index + 1], pixels[3 * index + 2]) = (
                (byte)(x * 255 / width),
                (byte)(y * 255 / height),
                (byte)(x / 5 % 2 == 0 ? 30 : 220)
            );
        }

        return new ImagePreview(new PixelSize(width, height), pixels);
    }

    [GeneratedRegex("\e_G(.*?)m=([01]);([A-Za-z0-9+/=]*)\e\\\\", RegexOptions.Singleline)]
    private static partial Regex KittyChunk();

    [GeneratedRegex("^\e\\]1337;File=inline=1;size=([0-9]+);width=37;preserveAspectRatio=1:([A-Za-z0-9+/=]*)\a$")]
    private static partial Regex ITerm2Sequence();

    [GeneratedRegex("\e\\[(?:38;2;|48;2;)?([0-9;]*)m|▀")]
    private static partial Regex HalfBlockToken();
}
