using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging.Abstractions;
using NetVips;
using Tessera.Imaging;
using Tessera.Native;

namespace Tessera.Engine.NativeTests.Imaging;

/// <summary>Runs alone, because it counts libvips's allocations and takes stderr.</summary>
[CollectionDefinition(nameof(ImageFuzzTests), DisableParallelization = true)]
[System.Diagnostics.CodeAnalysis.SuppressMessage("Naming", "CA1711", Justification = "xunit's own term.")]
public sealed class ImageFuzzCollection;

/// <summary>Damaged files end in a picture or in one sentence, leave no memory of libvips behind and write nothing to stderr.</summary>
[Collection(nameof(ImageFuzzTests))]
public partial class ImageFuzzTests
{
    private const int MutationsPerFile = 60;
    private const long MaxPixels = 1_000_000;

    [Fact]
    public async Task Mutated_files_give_a_picture_or_one_sentence()
    {
        DecodeOrFail(CodecGolden.All["rgb.png"].Data, "rgb.png");
        (int, int) before = (Stats.Allocations, Stats.Files);
        string written = CaptureStandardError(() =>
        {
            Random random = new(20260101);
            foreach (CodecGolden golden in CodecGolden.All.Values)
            {
                byte[] original = golden.Data;
                for (int i = 0; i < MutationsPerFile; i++)
                    DecodeOrFail(Mutate(original, random), golden.File);
            }
        });
        Assert.Equal("", written);
        await Patience.UntilAsync(() => HasNoMoreThan(before), "the end of what was begun");
    }

    [Fact]
    public void Its_log_goes_to_the_callers_logger()
    {
        CollectingLogger log = new();
        NativeLog.Logger = log;
        try
        {
            Assert.Equal("", CaptureStandardError(() => DecodeOrFail(CodecGolden.All["rgb.png"].Data[..^100], "rgb.png")));
        }
        finally
        {
            NativeLog.Logger = NullLogger.Instance;
        }

        Assert.Contains(log.Lines, static line => line.StartsWith("VIPS: ", StringComparison.Ordinal));
    }

    /// <summary>Progressive JPEG and AVIF are decoded whole in one call of their library.</summary>
    [Theory]
    [InlineData("jpg")]
    [InlineData("avif")]
    public async Task A_cancel_ends_the_wait_at_once(string format)
    {
        byte[] data = BigPicture(format);
        (int, int) before = (Stats.Allocations, Stats.Files);
        long started = Stopwatch.GetTimestamp();
        ImageCodec.Decode(data, "big", cancellationToken: CancellationToken.None);
        TimeSpan pause = Stopwatch.GetElapsedTime(started) / 8;
        bool goesOn = false;
        // Where others have the processor the picture may be whole before the cancel comes, so that it is tried again.
        for (long end = Environment.TickCount64 + (long)Patience.Limit.TotalMilliseconds; !goesOn && Environment.TickCount64 < end; )
        {
            using var cancel = new CancellationTokenSource(pause);
            Exception? ended = Record.Exception(() => ImageCodec.Decode(data, "big", cancellationToken: cancel.Token));
            // The library's call has not ended, but the wait for it has.
            goesOn = ended is OperationCanceledException && !HasNoMoreThan(before);
        }

        Assert.True(goesOn, "The wait never ended before the decoding.");
        await Patience.UntilAsync(() => HasNoMoreThan(before), "the end of what was left behind");
    }

    // Nothing more than there was; what other tests left behind may have ended meanwhile.
    private static bool HasNoMoreThan((int Allocations, int Files) before) =>
        Stats.Allocations <= before.Allocations && Stats.Files <= before.Files;

    private static byte[] BigPicture(string format)
    {
        ImageCodec.Decode(CodecGolden.All["rgb.png"].Data, "start");
        int side = format == "avif" ? 3000 : 8000;
        using Image black = Image.Black(side, side, bands: 3);
        return format == "avif"
            ? black.HeifsaveBuffer(compression: Enums.ForeignHeifCompression.Av1, effort: 0)
            : black.JpegsaveBuffer(interlace: true);
    }

    private static void DecodeOrFail(byte[] data, string file)
    {
        try
        {
            RgbImage image = ImageCodec.Decode(data, file, MaxPixels);
            Assert.True((long)image.Width * image.Height <= MaxPixels);
        }
        catch (ImageException failure)
        {
            ImageDecoderTests.AssertOneSentence(failure, file);
        }
    }

    // Half of the changes hit the first 64 bytes, where headers are.
    private static byte[] Mutate(byte[] original, Random random)
    {
        byte[] data = (byte[])original.Clone();
        for (int change = random.Next(1, 6); change > 0; change--)
        {
            int at = random.Next(random.Next(2) == 0 ? Math.Min(64, data.Length) : data.Length);
            data[at] = random.Next(3) switch
            {
                0 => 0,
                1 => 255,
                _ => (byte)random.Next(256),
            };
        }
        return random.Next(8) == 0 ? data[..random.Next(data.Length)] : data;
    }

    private static string CaptureStandardError(Action action)
    {
        if (OperatingSystem.IsWindows())
        {
            action();
            return "";
        }
        string path = Path.GetTempFileName();
        int saved = dup(2);
        using (FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            _ = dup2((int)file.SafeFileHandle.DangerousGetHandle(), 2);
            try
            {
                action();
            }
            finally
            {
                _ = dup2(saved, 2);
                _ = close(saved);
            }
        }
        string text = File.ReadAllText(path);
        File.Delete(path);
        return text;
    }

    [LibraryImport("libc")]
    private static partial int dup(int descriptor);

    [LibraryImport("libc")]
    private static partial int dup2(int descriptor, int target);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);
}
