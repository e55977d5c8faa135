using Tessera.Imaging;

namespace Tessera.Engine.NativeTests.Imaging;

/// <summary>Every format against what Pillow reads, and what happens to files that are no good.</summary>
public class ImageDecoderTests
{
    public static TheoryData<string> Files => [.. CodecGolden.All.Keys];

    [Theory]
    [MemberData(nameof(Files))]
    public void Decodes_like_Pillow(string file)
    {
        CodecGolden golden = CodecGolden.All[file];
        RgbImage image = ImageCodec.Decode(golden.Data, file);
        Assert.Equal((golden.Width, golden.Height), (image.Width, image.Height));
        int largest = 0;
        for (int i = 0; i < golden.Pixels.Length; i++)
            largest = Math.Max(largest, Math.Abs(golden.Pixels[i] - image.Pixels[i]));
        Assert.True(largest <= golden.Tolerance, $"{file} differs by up to {largest}.");
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Refuses_a_file_cut_short(string file)
    {
        byte[] data = CodecGolden.All[file].Data;
        // What follows the first frame or page does not matter.
        bool severalFrames = file.StartsWith("animated", StringComparison.Ordinal) || file.StartsWith("pages", StringComparison.Ordinal);
        int length = severalFrames ? data.Length / 3 : data.Length * 6 / 10;
        ImageException failure = Assert.Throws<ImageException>(() => ImageCodec.Decode(data.AsMemory(0, length), file));
        AssertOneSentence(failure, file);
    }

    [Fact]
    public void Refuses_a_picture_over_the_limit_before_decoding()
    {
        byte[] bomb = PngHeader(60000, 60000);
        var failure = Assert.Throws<ImageTooLargeException>(() => ImageCodec.Decode(bomb, "bomb.png"));
        Assert.Equal((new PixelSize(60000, 60000), 100_000_000), (failure.Size, failure.PixelLimit));
        Assert.Equal("bomb.png: The picture is 60000x60000 pixels, more than the limit of 100000000 pixels.", failure.Message);
        failure = Assert.Throws<ImageTooLargeException>(() =>
            ImageCodec.Decode(CodecGolden.All["rgb-420.jpg"].Data, "small.jpg", maxPixels: 692)
        );
        Assert.Equal("small.jpg: The picture is 33x21 pixels, more than the limit of 692 pixels.", failure.Message);
        Assert.Equal(33, ImageCodec.Decode(CodecGolden.All["rgb-420.jpg"].Data, "small.jpg", maxPixels: 693).Width);
    }

    [Fact]
    public void Refuses_what_is_no_picture()
    {
        Assert.Equal("a: The picture is empty.", Failure([]).Message);
        Assert.StartsWith(
            "a: This is not a picture that can be read; JPEG, PNG,",
            Failure("GGUF\u0003\0\0\0"u8.ToArray()).Message,
            StringComparison.Ordinal
        );
        Assert.StartsWith("a: This is not a picture", Failure("<svg xmlns='a'/>"u8.ToArray()).Message, StringComparison.Ordinal);
        Assert.StartsWith(
            "a: HEIC pictures cannot be read",
            Failure("\0\0\0\u0018ftypheic\0\0\0\0"u8.ToArray()).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Refuses_a_file_before_reading_it_whole()
    {
        string path = Path.GetTempFileName();
        try
        {
            // Sparse: it takes no room, but reading it whole would.
            await using (FileStream file = new(path, FileMode.Open))
                file.SetLength(1_900_000_000);
            Assert.StartsWith($"{path}: This is not a picture that can be read;", await FailureAsync(path), StringComparison.Ordinal);
            await using (FileStream file = new(path, FileMode.Open))
                file.Write(CodecGolden.All["rgb.png"].Data);
            Assert.Equal($"{path}: it has more than 512 MB: make it smaller first.", await FailureAsync(path));
        }
        finally
        {
            File.Delete(path);
        }

        static async Task<string> FailureAsync(string path)
        {
            long before = GC.GetTotalAllocatedBytes();
            string message = (await Assert.ThrowsAsync<ImageException>(() => PromptImage.FromFileAsync(path))).Message;
            Assert.True(GC.GetTotalAllocatedBytes() - before < 200_000_000);
            return message;
        }
    }

    [Theory]
    [InlineData(1, 65_535)]
    [InlineData(1, 1_000_000)]
    [InlineData(3, 262_144)]
    [InlineData(65_535, 1)]
    public async Task Reads_tall_and_wide_pictures_in_a_time_that_grows_with_their_pixels(int width, int height)
    {
        byte[] file = MadePicture.Png(width, height);
        // As one request, a million rows did not end.
        RgbImage decoded = await Task.Run(() => ImageCodec.Decode(file, "thin.png")).WaitAsync(Patience.Limit);
        Assert.Equal((width, height), (decoded.Width, decoded.Height));
        Assert.Equal(MadePicture.Value(height - 1), decoded.Row(height - 1)[0]);
        Assert.Equal(MadePicture.Value(height / 2), decoded.Row(height / 2)[^1]);
    }

    [Fact]
    public void Refuses_a_tall_picture_cut_short() => AssertOneSentence(Failure(MadePicture.Png(1, 262_144)[..257]), "a");

    [Fact]
    public void Stops_when_cancelled() =>
        Assert.Throws<OperationCanceledException>(() =>
            ImageCodec.Decode(CodecGolden.All["rgb.png"].Data, "a", cancellationToken: new CancellationToken(true))
        );

    [Fact]
    public void Decodes_on_many_threads_at_once()
    {
        CodecGolden[] goldens = [.. CodecGolden.All.Values.Where(golden => golden.Tolerance == 0)];
        Parallel.For(
            0,
            400,
            i =>
            {
                CodecGolden golden = goldens[i % goldens.Length];
                Assert.Equal(golden.Pixels, ImageCodec.Decode(golden.Data, golden.File).Pixels.ToArray());
            }
        );
    }

    internal static void AssertOneSentence(ImageException failure, string source)
    {
        Assert.StartsWith(source + ": ", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith(".", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Message);
        Assert.True(failure.Message.Length < 400, failure.Message);
    }

    private static ImageException Failure(byte[] data) => Assert.Throws<ImageException>(() => ImageCodec.Decode(data, "a"));

    // A valid header with no pixels behind it.
    private static byte[] PngHeader(int width, int height) => MadePicture.Png(width, height, rowCount: 0);
}
