using Tessera.Imaging;
using Tessera.Imaging.Video;

namespace Tessera;

/// <summary>What a language model is shown beside text: a picture or a video.</summary>
public abstract class PromptMedia
{
    private protected PromptMedia(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        Name = name;
    }

    /// <summary>What messages call it, such as its path.</summary>
    public string Name { get; }

    /// <summary>Its pictures in order: one, or the frames of a video.</summary>
    public abstract IReadOnlyList<PromptImage> Frames { get; }
}

/// <summary>Frames of a video, in the order of time.</summary>
public sealed class PromptVideo : PromptMedia
{
    /// <summary>The most frames of one video.</summary>
    public const int MaxFrameCount = 1024;

    /// <summary>Takes frames.</summary>
    /// <param name="frames">At least one.</param>
    /// <param name="name">What messages call it, such as its path.</param>
    /// <exception cref="ArgumentException">There is no frame, or more than <see cref="MaxFrameCount"/>.</exception>
    public PromptVideo(IReadOnlyList<PromptImage> frames, string name)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(frames);
        if (frames.Count is 0 or > MaxFrameCount)
            throw new ArgumentException($"A video has 1 to {MaxFrameCount} frames, not {frames.Count}.", nameof(frames));
        Frames = [.. frames];
    }

    /// <summary>The frames.</summary>
    public override IReadOnlyList<PromptImage> Frames { get; }

    /// <summary>
    /// Reads frames of a video: a file that ffmpeg (on PATH) decodes, an animated GIF or WebP, or a folder of pictures in the order of
    /// their names.
    /// </summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="range">Which frames; null for 32, from the first to the last.</param>
    /// <param name="cancellationToken">Stops the reading, and ffmpeg.</param>
    /// <exception cref="ImageException">It is missing, damaged, too large, or no video; or no frame lies in the range.</exception>
    /// <exception cref="TesseraException">It needs ffmpeg, which is missing.</exception>
    public static async Task<PromptVideo> FromFileAsync(
        string path,
        VideoRange? range = null,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(path);
        range ??= new VideoRange();
        ArgumentOutOfRangeException.ThrowIfLessThan(range.FrameCount, 1, nameof(range));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(range.FrameCount, FrameSource.MaxChosen, nameof(range));
        FrameSource source = await FrameSource.OpenAsync(path, ImageCodec.DefaultMaxPixels, cancellationToken).ConfigureAwait(false);
        FrameStretch stretch = source.Between(range.From, range.To);
        int[] indexes = FrameChoices.Choose(range.Choice, stretch, range.FrameCount, source.FramesPerSecond);
        IReadOnlyList<RgbImage> frames = await source.ReadAsync(indexes, cancellationToken).ConfigureAwait(false);
        return new PromptVideo(
            [.. frames.Zip(indexes, (frame, index) => new PromptImage(BmpWriter.Write(frame), $"{path}, frame {index}"))],
            path
        );
    }
}
