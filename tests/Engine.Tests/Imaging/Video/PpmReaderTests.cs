using System.Text;
using Tessera.Imaging;
using Tessera.Imaging.Video;

namespace Tessera.Engine.Tests.Imaging.Video;

public sealed class PpmReaderTests
{
    private static readonly ImageSizeLimit Limit = new("clip", 100);

    [Fact]
    public async Task Pictures_follow_each_other()
    {
        using MemoryStream stream = new([
            .. Picture("P6\n2 1\n255\n", [1, 2, 3, 10, 13, 32]),
            .. Picture("P6\n1 2\n255\n", [9, 8, 7, 6, 5, 4]),
        ]);
        RgbImage first = (await PpmReader.ReadAsync(stream, Limit, default))!,
            second = (await PpmReader.ReadAsync(stream, Limit, default))!;
        Assert.Equal([1, 2, 3, 10, 13, 32], first.Pixels.ToArray());
        Assert.Equal((1, 2), (second.Width, second.Height));
        Assert.Null(await PpmReader.ReadAsync(stream, Limit, default));
    }

    [Theory]
    [InlineData("P5\n2 1\n255\n")]
    [InlineData("P6\n2 1\n65535\n")]
    [InlineData("P6\n2 -1\n255\n")]
    [InlineData("P6\n2 99999999999\n255\n")]
    [InlineData("P6\n2 1\n255")]
    [InlineData("PNG                                                                                                ")]
    public async Task Anything_else_is_refused(string header)
    {
        using MemoryStream stream = new(Picture(header, [1, 2, 3]));
        await Assert.ThrowsAsync<InvalidDataException>(() => PpmReader.ReadAsync(stream, Limit, default));
    }

    [Fact]
    public async Task A_picture_over_the_limit_is_refused_before_its_pixels()
    {
        using MemoryStream stream = new(Picture("P6\n11 10\n255\n", []));
        await Assert.ThrowsAnyAsync<ImageException>(() => PpmReader.ReadAsync(stream, Limit, default));
    }

    private static byte[] Picture(string header, byte[] pixels) => [.. Encoding.ASCII.GetBytes(header), .. pixels];
}
