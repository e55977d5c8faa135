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
        ImageException failure = Assert.Throws<ImageException>(() => ImageCodec.Decode(bomb, "bomb.png"));
        Assert.Equal("bomb.png: The picture is 60000x60000 pixels, more than the limit of 100000000 pixels (--max-pixels).", failure.Message);
        failure = Assert.Throws<ImageException>(() => ImageCodec.Decode(CodecGolden.All["rgb-420.jpg"].Data, "small.jpg", maxPixels: 692));
        Assert.Equal("small.jpg: The picture is 33x21 pixels, more than the limit of 692 pixels (--max-pixels).", failure.Message);
        Assert.Equal(33, ImageCodec.Decode(CodecGolden.All["rgb-420.jpg"].Data, "small.jpg", maxPixels: 693).Width);
    }

    [Fact]
    public void Refuses_what_is_no_picture()
    {
        Assert.Equal("a: The picture is empty.", Failure([]).Message);
        Assert.StartsWith("a: This is not a picture that can be read; JPEG, PNG,", Failure("GGUF\u0003\0\0\0"u8.ToArray()).Message, StringComparison.Ordinal);
        Assert.StartsWith("a: This is not a picture", Failure("<svg xmlns='a'/>"u8.ToArray()).Message, StringComparison.Ordinal);
        Assert.StartsWith("a: HEIC pictures cannot be read", Failure("\0\0\0\u0018ftypheic\0\0\0\0"u8.ToArray()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Refuses_missing_files_and_folders()
    {
        string missing = Path.Combine(Path.GetTempPath(), "tessera-no-such-file.png");
        Assert.EndsWith("There is no such file.", Assert.Throws<ImageException>(() => ImageCodec.DecodeFile(missing)).Message, StringComparison.Ordinal);
        ImageException failure = Assert.Throws<ImageException>(() => ImageCodec.DecodeFile(Path.GetTempPath()));
        Assert.EndsWith("This is a folder, not a picture.", failure.Message, StringComparison.Ordinal);
        string good = RepositoryRoot.Path("tests", "goldens", "imaging", "codec", "rgb.png");
        Assert.Equal(21, ImageCodec.DecodeFile(good).Height);
    }

    [Fact]
    public void Stops_when_cancelled() =>
        Assert.Throws<OperationCanceledException>(() => ImageCodec.Decode(CodecGolden.All["rgb.png"].Data, "a", cancellation: new CancellationToken(true)));

    [Fact]
    public void Decodes_on_many_threads_at_once()
    {
        CodecGolden[] goldens = [.. CodecGolden.All.Values.Where(golden => golden.Tolerance == 0)];
        Parallel.For(0, 400, i =>
        {
            CodecGolden golden = goldens[i % goldens.Length];
            Assert.Equal(golden.Pixels, ImageCodec.Decode(golden.Data, golden.File).Pixels.ToArray());
        });
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
    private static byte[] PngHeader(uint width, uint height)
    {
        byte[] data = CodecGolden.All["rgb.png"].Data;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(16), width);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(20), height);
        uint checksum = Crc32(data.AsSpan(12, 17));
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(29), checksum);
        return data;
    }

    private static uint Crc32(ReadOnlySpan<byte> data)
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
