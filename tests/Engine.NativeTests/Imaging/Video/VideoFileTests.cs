using System.Diagnostics;
using Tessera.Imaging;
using Tessera.Imaging.Video;

namespace Tessera.Engine.NativeTests.Imaging.Video;

/// <summary>Video files through ffmpeg: made here from the goldens' clip, compared with the raw pixels that ffmpeg itself writes.</summary>
public sealed class VideoFileTests : IDisposable
{
    private const long MaxPixels = 1_000_000;
    private static readonly string Clip = RepositoryRoot.Path("tests", "goldens", "pictures", "clip");
    private readonly DirectoryInfo scratch = Directory.CreateTempSubdirectory("tessera-video-");

    public void Dispose() => scratch.Delete(recursive: true);

    [FfmpegTheory]
    [InlineData("lossless.mkv", "-c:v ffv1 -pix_fmt bgr0", true)]
    [InlineData("usual.mp4", "-c:v mpeg4 -q:v 3", false)]
    [InlineData("frames kept back.avi", "-c:v mjpeg -pix_fmt yuvj420p", false)]
    public async Task Frames_are_what_ffmpeg_decodes(string name, string codec, bool isLossless)
    {
        string path = Make(name, codec);
        FrameSource source = await FrameSource.OpenAsync(path, MaxPixels, default);
        Assert.Equal((11, new PixelSize(96, 64)), (source.FrameCount, source.Size));
        Assert.Equal(12.5, source.FramesPerSecond!.Value, 3);
        byte[] raw = RunFfmpeg($"-i \"{path}\" -f rawvideo -pix_fmt rgb24 -");
        int[] indexes = [0, 3, 4, 10];
        IReadOnlyList<RgbImage> frames = await source.ReadAsync(indexes, default);
        int length = 96 * 64 * 3;
        Assert.Equal(
            indexes.Select(index => raw[(index * length)..((index + 1) * length)]),
            frames.Select(static frame => frame.Pixels.ToArray())
        );
        if (isLossless)
            Assert.Equal(
                ImageCodec.Decode(await File.ReadAllBytesAsync(Path.Combine(Clip, "11.png")), "").Pixels.ToArray(),
                frames[3].Pixels.ToArray()
            );
    }

    [FfmpegFact]
    public async Task A_turned_video_stands_upright()
    {
        string path = Make("plain.mp4", "-c:v mpeg4"),
            turned = Path.Combine(scratch.FullName, "turned.mp4");
        RunFfmpeg($"-i \"{path}\" -c copy -metadata:s:v:0 rotate=90 \"{turned}\"");
        FrameSource source = await FrameSource.OpenAsync(turned, MaxPixels, default);
        RgbImage frame = (await source.ReadAsync([5], default))[0];
        Assert.Equal(source.Size, new PixelSize(frame.Width, frame.Height));
    }

    [FfmpegFact]
    public async Task A_moment_is_a_frame()
    {
        FrameSource source = await FrameSource.OpenAsync(Make("plain.mp4", "-c:v mpeg4"), MaxPixels, default);
        Assert.Equal(new FrameStretch(2, 5), source.Between(0.16, 0.4));
        Assert.Equal(new FrameStretch(5, 10), source.Between(0.4, 100));
        Assert.Throws<ImageException>(() => source.Between(3, 4));
    }

    [FfmpegFact]
    public async Task What_ffmpeg_cannot_read_is_said_in_one_sentence()
    {
        foreach (
            (string name, string content) in new[]
            {
                ("text.mp4", "no video at all"),
                ("list.m3u8", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n"),
                ("-i.mp4", "x"),
            }
        )
        {
            string path = Path.Combine(scratch.FullName, name);
            await File.WriteAllTextAsync(path, content);
            ImageException failure = await Assert.ThrowsAsync<ImageException>(() => FrameSource.OpenAsync(path, MaxPixels, default));
            Assert.DoesNotContain('\n', failure.Message);
            Assert.StartsWith(path, failure.Message, StringComparison.Ordinal);
        }
    }

    [FfmpegFact]
    public async Task A_frame_over_the_limit_is_refused_before_it_is_decoded()
    {
        string path = Make("plain.mp4", "-c:v mpeg4");
        await Assert.ThrowsAnyAsync<ImageException>(() => FrameSource.OpenAsync(path, 96 * 64 - 1, default));
    }

    [FfmpegFact]
    public async Task Cancelling_ends_the_program()
    {
        string path = Path.Combine(scratch.FullName, "long.mkv");
        RunFfmpeg($"-f lavfi -i color=c=red:s=320x240:r=25 -frames:v 400 -c:v ffv1 \"{path}\"");
        FrameSource source = await FrameSource.OpenAsync(path, MaxPixels, default);
        // Where others have the processor the last frame may be there before the cancel comes, so that it is tried again.
        Exception? ended = null;
        for (int attempt = 0; attempt < 100 && ended is null; attempt++)
        {
            using CancellationTokenSource cancellation = new();
            Task<IReadOnlyList<RgbImage>> reading = source.ReadAsync([399], cancellation.Token);
            await cancellation.CancelAsync();
            ended = await Record.ExceptionAsync(() => reading);
        }

        Assert.IsAssignableFrom<OperationCanceledException>(ended);
        File.Delete(path);
    }

    private string Make(string name, string codec)
    {
        string path = Path.Combine(scratch.FullName, name);
        RunFfmpeg($"-framerate 12.5 -i \"{Path.Combine(Clip, "%d.png")}\" {codec} \"{path}\"");
        return path;
    }

    private static byte[] RunFfmpeg(string arguments)
    {
        using Process process = Process.Start(
            new ProcessStartInfo("ffmpeg", $"-v error -nostdin {arguments}") { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        using MemoryStream output = new();
        process.StandardOutput.BaseStream.CopyTo(output);
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors.Result);
        return output.ToArray();
    }
}
