using Tessera.Imaging;

namespace Tessera.Engine.Tests.Imaging;

/// <summary>Padding band by band equals padding the whole canvas, which is the slow obvious version.</summary>
[Collection(nameof(Alone))]
public sealed class SquareImagesTests
{
    private static readonly Rgb Colour = new(122, 116, 104);

    [Theory]
    [InlineData(300, 200)]
    [InlineData(201, 300)]
    [InlineData(640, 31)]
    [InlineData(7, 500)]
    [InlineData(1, 90)]
    [InlineData(1, 40)]
    [InlineData(2, 3000)]
    [InlineData(299, 300)]
    [InlineData(90, 1)]
    [InlineData(64, 64)]
    [InlineData(33, 32)]
    public void Padding_equals_the_whole_canvas(int width, int height)
    {
        RgbImage image = Noise(width, height);
        int side = Math.Max(width, height);
        RgbImage canvas = image.PadTo(side, side, (side - width) / 2, (side - height) / 2, Colour.Red, Colour.Green, Colour.Blue);
        RgbImage expected = Resampler.Resize(canvas, 56, 56, ResampleFilter.Bicubic);
        Assert.Equal(expected.Pixels.ToArray(), SquareImages.PadAndResize(image, 56, Colour, default).Pixels.ToArray());
    }

    [Theory]
    [InlineData(300, 200)]
    [InlineData(201, 300)]
    [InlineData(640, 31)]
    [InlineData(7, 500)]
    [InlineData(1, 90)]
    [InlineData(64, 64)]
    [InlineData(56, 20)]
    [InlineData(30, 20)]
    public void Stretching_twice_equals_the_whole_square(int width, int height)
    {
        RgbImage image = Noise(width, height);
        int side = Math.Max(width, height);
        RgbImage square = Resampler.Resize(image, side, side, ResampleFilter.Bicubic);
        RgbImage expected = Resampler.Resize(square, 56, 56, ResampleFilter.Bicubic);
        Assert.Equal(expected.Pixels.ToArray(), SquareImages.StretchAndResize(image, 56, default).Pixels.ToArray());
    }

    [Fact]
    public void A_panorama_needs_no_canvas()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        RgbImage square = SquareImages.PadAndResize(Noise(60_000, 40), 56, Colour, default);
        Assert.Equal(56, square.Width);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 400_000_000, "The canvas of 10 GB was nearly made.");
    }

    // The canvas of a 12 megapixel picture would take 48 MB, and a copy of it for each band as much again.
    [Fact]
    public void Bands_leave_no_garbage()
    {
        RgbImage image = Noise(4000, 3000);
        Assert.InRange(Enumerable.Range(0, 5).Min(_ => Allocated()), 0, 12_000_000);

        // Of the whole process, as rows are resized on several threads.
        long Allocated()
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            SquareImages.PadAndResize(image, 56, Colour, default);
            return GC.GetTotalAllocatedBytes(precise: true) - before;
        }
    }

    [Fact]
    public void A_thin_picture_costs_what_it_has()
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(336, SquareImages.PadAndResize(Noise(1, 60_000), 336, Colour, default).Height);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 400_000_000, "The canvas of 10 GB was nearly made.");
    }

    [Fact]
    public void What_is_too_elongated_is_refused()
    {
        Assert.Contains(
            "too elongated",
            Assert.Throws<TesseraException>(() => SquareImages.PadAndResize(Noise(300_000, 1), 336, Colour, default)).Message
        );
        Assert.Contains(
            "too elongated",
            Assert.Throws<TesseraException>(() => SquareImages.ResizeAndCrop(Noise(1, 20_000), 336, default)).Message
        );
    }

    [Theory]
    [InlineData(300, 200, 84, 56, 14, 0)]
    [InlineData(200, 301, 56, 84, 0, 14)]
    public void Cropping_takes_the_middle(int width, int height, int resizedWidth, int resizedHeight, int left, int top)
    {
        RgbImage image = Noise(width, height);
        RgbImage expected = Resampler.Resize(image, resizedWidth, resizedHeight, ResampleFilter.Bicubic).Crop(left, top, 56, 56);
        Assert.Equal(expected.Pixels.ToArray(), SquareImages.ResizeAndCrop(image, 56, default).Pixels.ToArray());
    }

    [Fact]
    public void The_mean_colour_is_CLIPs() => Assert.Equal(Colour, Rgb.Mean([0.48145466f, 0.4578275f, 0.40821073f]));

    [Fact]
    public void The_mean_colour_is_SigLIPs() => Assert.Equal(new Rgb(127, 127, 127), Rgb.Mean([0.5f, 0.5f, 0.5f]));

    private static RgbImage Noise(int width, int height)
    {
        var image = new RgbImage(width, height);
        new Random(width * 31 + height).NextBytes(image.Pixels);
        return image;
    }
}
