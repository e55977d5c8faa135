using System.Text;
using Tessera.Imaging;

namespace Tessera.Engine.Tests.Imaging;

/// <summary>Portable maps of all six kinds; the values are those that Pillow 12.0 reads.</summary>
public sealed class PortableMapTests
{
    [Theory]
    [InlineData("P1\n# black, white\n2 1\n1 0\n", "000 FFF")]
    [InlineData("P1 2 1 10", "000 FFF")]
    [InlineData("P2\n2 1\n15\n0 15\n", "000 FFF")]
    [InlineData("P3\n1 1\n255\n255 0 17\n", "F01")]
    [InlineData("P4\n2 1\n\x80", "000 FFF")]
    [InlineData("P5 2 1 255\n\0\xFF", "000 FFF")]
    [InlineData("P5 1 1 65535\n\xFF\xFF", "FFF")]
    [InlineData("P6 1 1 255\n\xFF\0\x11", "F01")]
    [InlineData("P6 1 1 65535\n\xFF\xFF\0\0\x11\x11", "F01")]
    public void Every_kind(string file, string colours)
    {
        byte[] data = Encoding.Latin1.GetBytes(file);
        var limit = new ImageSizeLimit("x.ppm", 100);
        Assert.Equal(ImageFormat.Ppm, ImageFormats.Detect(data));
        RgbImage image = PortableMapReader.Read(data, limit);
        Assert.Equal(PortableMapReader.ReadSize(data, limit), new PixelSize(image.Width, image.Height));
        string read = string.Join(' ', Enumerable.Range(0, image.Width).Select(x => Colour(image, x)));
        Assert.Equal(colours, read);
    }

    // round(100 / 200 * 255) is 128 in Python, as it is to even.
    [Fact]
    public void Values_are_scaled_as_Pillow_does() =>
        Assert.Equal(128, PortableMapReader.Read("P5 1 1 200\nd"u8, new ImageSizeLimit("x", 100)).Pixels[0]);

    [Theory]
    [InlineData("P6 9 9 255\n123", "cut short")]
    [InlineData("P2 3 1 255\n1 2", "cut short")]
    [InlineData("P3 1 1 255\n1 2 x", "no number")]
    [InlineData("P1 2 1 12", "no bit")]
    [InlineData("P6 1 1 0\n123", "largest value is 0")]
    [InlineData("P6 1 1 70000\n123", "largest value is 70000")]
    [InlineData("P6 0 1 255\n", "nothing to see")]
    [InlineData("P6 99999999999 1 255\n", "no side may be longer")]
    [InlineData("P6 1000 1000 255\n", "more than the limit")]
    [InlineData("P6 ", "no number")]
    [InlineData("P6 1 1 255", "cut short")]
    public void Damaged_and_hostile_ones(string file, string problem)
    {
        var failure = Assert.ThrowsAny<ImageException>(() =>
            PortableMapReader.Read(Encoding.Latin1.GetBytes(file), new ImageSizeLimit("x.ppm", 1000))
        );
        Assert.Contains(problem, failure.Message, StringComparison.Ordinal);
    }

    private static string Colour(RgbImage image, int x) =>
        string.Concat(Enumerable.Range(0, 3).Select(band => $"{image.Pixels[x * 3 + band] / 17:X}"));
}
