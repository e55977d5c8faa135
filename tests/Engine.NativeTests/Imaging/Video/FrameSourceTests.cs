using Tessera.Imaging;
using Tessera.Imaging.Video;

namespace Tessera.Engine.NativeTests.Imaging.Video;

/// <summary>Animations, folders and lists of pictures as videos: the clip of the goldens in its three forms.</summary>
public sealed class FrameSourceTests : IDisposable
{
    private const int FrameCount = 11;
    private const long MaxPixels = 1_000_000;
    private static readonly string Folder = RepositoryRoot.Path("tests", "goldens", "pictures", "clip");
    private readonly DirectoryInfo scratch = Directory.CreateTempSubdirectory("tessera-clip-");

    public void Dispose() => scratch.Delete(recursive: true);

    [Theory]
    [InlineData("clip")]
    [InlineData("clip.gif")]
    [InlineData("clip.webp")]
    public async Task Every_form_shows_the_same_frames(string name)
    {
        FrameSource source = await OpenAsync(Path.Combine(Folder, "..", name));
        Assert.Equal((FrameCount, new PixelSize(96, 64)), (source.FrameCount, source.Size));
        int[] all = [.. Enumerable.Range(0, FrameCount)];
        IReadOnlyList<RgbImage> frames = await source.ReadAsync(all, default);
        Assert.Equal(all.Select(Frame), frames.Select(static frame => frame.Pixels.ToArray()));
    }

    [Theory]
    [InlineData("clip.gif", new[] { 0, 3, 6, 10 })]
    [InlineData("clip.webp", new[] { 2, 3, 9 })]
    [InlineData("clip", new[] { 10 })]
    public async Task Only_the_chosen_frames_are_read(string name, int[] indexes)
    {
        IReadOnlyList<RgbImage> frames = await (await OpenAsync(Path.Combine(Folder, "..", name))).ReadAsync(indexes, default);
        Assert.Equal(indexes.Select(Frame), frames.Select(static frame => frame.Pixels.ToArray()));
    }

    [Fact]
    public async Task An_animation_has_times_and_pictures_have_none()
    {
        FrameSource animation = await OpenAsync(Folder + ".gif"),
            folder = await OpenAsync(Folder);
        Assert.Equal(12.5, animation.FramesPerSecond!.Value, 6);
        Assert.Equal(new FrameStretch(2, 5), animation.Between(0.16, 0.45));
        Assert.Equal(new FrameStretch(0, FrameCount - 1), animation.Between(null, null));
        Assert.Equal(new FrameStretch(0, FrameCount - 1), folder.Between(null, null));
        Assert.Contains("between", Assert.Throws<ImageException>(() => animation.Between(0.5, 0.2)).Message, StringComparison.Ordinal);
        Assert.Contains("no times", Assert.Throws<ImageException>(() => folder.Between(1, null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_video_is_named()
    {
        await RefusedAsync(Path.Combine(scratch.FullName, "missing.gif"), "no such file");
        await RefusedAsync(Path.Combine(Folder, "1.png"), "not a video");
        await RefusedAsync(scratch.FullName, "no picture");
        await RefusedAsync(Write("empty.gif", []), "empty");
        byte[] whole = await File.ReadAllBytesAsync(Folder + ".gif");
        await RefusedAsync(Write("header.gif", whole[..8]), "damaged");
    }

    [Fact]
    public async Task A_damaged_animation_fails_with_one_sentence_or_shows_its_frames()
    {
        byte[] whole = await File.ReadAllBytesAsync(Folder + ".webp");
        for (int cut = 40; cut < whole.Length; cut += 97)
        {
            try
            {
                FrameSource source = await OpenAsync(Write("cut.webp", whole[..cut]));
                IReadOnlyList<RgbImage> frames = await source.ReadAsync([source.FrameCount - 1], default);
                Assert.Equal(source.Size, new PixelSize(frames[0].Width, frames[0].Height));
            }
            catch (ImageException failure)
            {
                Assert.DoesNotContain('\n', failure.Message);
            }
        }
    }

    [Fact]
    public async Task Sizes_are_bounded_before_anything_is_decoded()
    {
        await Assert.ThrowsAnyAsync<ImageException>(() => FrameSource.OpenAsync(Folder + ".gif", 96 * 64 - 1, default));
        FrameSource narrow = await FrameSource.OpenAsync(Folder + ".gif", 96 * 64, default);
        Assert.Equal(4, (await narrow.ReadAsync([0, 1, 2, 3], default)).Count);
        ImageException failure = await Assert.ThrowsAsync<ImageException>(() => narrow.ReadAsync([0, 1, 2, 3, 4], default));
        Assert.Contains("pixels in all", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 3, 3 })]
    [InlineData(new[] { 4, 2 })]
    [InlineData(new[] { 11 })]
    [InlineData(new[] { -1 })]
    public async Task Frames_that_are_not_there_are_refused(int[] indexes)
    {
        FrameSource source = await OpenAsync(Folder + ".gif");
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => source.ReadAsync(indexes, default));
    }

    [Fact]
    public async Task A_prompt_takes_the_frames_of_a_range()
    {
        PromptVideo video = await PromptVideo.FromFileAsync(Folder + ".gif", new VideoRange { FrameCount = 3, From = 0.16 });
        IEnumerable<byte[]> frames = video.Frames.Select(static frame => frame.Source.Decode(MaxPixels, default).Pixels.ToArray());
        Assert.Equal(new[] { 2, 6, 10 }.Select(Frame), frames);
        Assert.Equal(FrameCount, (await PromptVideo.FromFileAsync(Folder)).Frames.Count);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => PromptVideo.FromFileAsync(Folder, new VideoRange { FrameCount = 0 }));
    }

    [Fact]
    public async Task Reading_can_be_cancelled()
    {
        FrameSource source = await OpenAsync(Folder + ".gif");
        using CancellationTokenSource cancelled = new();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => source.ReadAsync([0], cancelled.Token));
    }

    private static async Task RefusedAsync(string path, string words)
    {
        ImageException failure = await Assert.ThrowsAsync<ImageException>(() => OpenAsync(path));
        Assert.StartsWith(path, failure.Message, StringComparison.Ordinal);
        Assert.Contains(words, failure.Message, StringComparison.Ordinal);
    }

    private static Task<FrameSource> OpenAsync(string path) => FrameSource.OpenAsync(path, MaxPixels, default);

    private static byte[] Frame(int index)
    {
        string path = Path.Combine(Folder, $"{index + 1}.png");
        return ImageCodec.Decode(File.ReadAllBytes(path), path).Pixels.ToArray();
    }

    private string Write(string name, byte[] content)
    {
        string path = Path.Combine(scratch.FullName, name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
