namespace Tessera.Imaging.Video;

/// <summary>A video, opened: how many frames it has and how large they are, before one of them is decoded.</summary>
internal abstract class FrameSource
{
    /// <summary>The most frames that a source may have; a video of four hours has fewer.</summary>
    public const int MaxCount = 500_000;

    /// <summary>The most frames that are read at once.</summary>
    public const int MaxChosen = 512;

    // All frames that are read are held in memory: four times as many pixels as one picture may have.
    private const int MaxImages = 4;

    /// <summary>Its name for error messages.</summary>
    public abstract string Name { get; }

    /// <summary>Frames in all.</summary>
    public abstract int FrameCount { get; }

    /// <summary>Size of a frame, orientation applied; of the first where they differ.</summary>
    public abstract PixelSize Size { get; }

    /// <summary>The average; null where it is not known, as for pictures.</summary>
    public virtual double? FramesPerSecond => null;

    /// <summary>The stretch between two moments.</summary>
    /// <param name="from">Its start in seconds; null for the video's.</param>
    /// <param name="to">Its end in seconds; null for the video's.</param>
    /// <exception cref="ImageException">The source has no times, or nothing lies between the moments.</exception>
    public virtual FrameStretch Between(double? from, double? to)
    {
        if (from is null && to is null)
            return new FrameStretch(0, FrameCount - 1);
        if (FramesPerSecond is not double rate)
            throw new ImageException(Name, "its frames have no times, so it cannot be read from one moment to another.");
        double first = Math.Round((from ?? 0) * rate),
            last = Math.Min(to is double end ? Math.Round(end * rate) : FrameCount - 1, FrameCount - 1);
        return first >= 0 && first <= last
            ? new FrameStretch((int)first, (int)last)
            : throw new ImageException(Name, $"no frame lies between {from ?? 0:0.##} s and {to ?? FrameCount / rate:0.##} s.");
    }

    /// <summary>Decodes frames.</summary>
    /// <param name="indexes">Their numbers, ascending, at most <see cref="MaxChosen"/>.</param>
    /// <param name="cancellationToken">Ends the work, and a program that does it.</param>
    /// <exception cref="ImageException">The video is damaged, or the frames have more pixels than are held at once.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public Task<IReadOnlyList<RgbImage>> ReadAsync(IReadOnlyList<int> indexes, CancellationToken cancellationToken)
    {
        if (indexes.Count is 0 or > MaxChosen)
            throw new ArgumentOutOfRangeException(nameof(indexes), $"{indexes.Count} frames; from 1 to {MaxChosen} are read at once.");
        for (int index = 0; index < indexes.Count; index++)
            if (indexes[index] < 0 || indexes[index] >= FrameCount || (index > 0 && indexes[index] <= indexes[index - 1]))
                throw new ArgumentOutOfRangeException(
                    nameof(indexes),
                    $"Frame {indexes[index]} is none of {FrameCount}, or not after the one before it."
                );
        RequireSpace(indexes.Count * Size.Area);
        return ReadChosenAsync(indexes, cancellationToken);
    }

    /// <summary>Opens a video: a folder of pictures, an animated GIF or WebP, or a file that ffmpeg reads.</summary>
    /// <param name="path">The folder or file.</param>
    /// <param name="maxPixels">The most pixels of a frame; all that are read may have four times as many.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="ImageException">It is missing, damaged, too large, or no video.</exception>
    /// <exception cref="TesseraException">It needs ffmpeg, which is missing.</exception>
    public static async Task<FrameSource> OpenAsync(string path, long maxPixels, CancellationToken cancellationToken)
    {
        if (Directory.Exists(path))
            return FrameFiles.OfFolder(path, maxPixels);
        if (!File.Exists(path))
            throw new ImageException(path, "there is no such file or folder.");
        ImageFormat format = await DetectAsync(path, cancellationToken).ConfigureAwait(false);
        return format switch
        {
            ImageFormat.Gif or ImageFormat.WebP => await AnimatedImage
                .OfFileAsync(path, format, maxPixels, cancellationToken)
                .ConfigureAwait(false),
            // Motion JPEG 2000 begins as a picture does.
            ImageFormat.Unknown or ImageFormat.Jpeg2000 => await VideoFile
                .OfFileAsync(path, maxPixels, cancellationToken)
                .ConfigureAwait(false),
            ImageFormat.Pdf => throw new ImageException(path, "it is a PDF, not a video."),
            _ => throw new ImageException(path, "it is a picture, not a video."),
        };
    }

    /// <summary>Opens a list of pictures, in its order.</summary>
    /// <exception cref="ImageException">It is empty or too long, or the first picture cannot be read.</exception>
    public static FrameSource OfFiles(IReadOnlyList<string> paths, long maxPixels) => new FrameFiles(paths, maxPixels);

    private static async Task<ImageFormat> DetectAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using FileStream stream = new(
                path,
                FileMode.Open,
                FileAccess.Read,
                FileShare.Read,
                bufferSize: 0,
                FileOptions.Asynchronous
            );
            byte[] start = new byte[ImageFormats.SignatureLength];
            int length = await stream
                .ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken)
                .ConfigureAwait(false);
            return length > 0 ? ImageFormats.Detect(start.AsSpan(0, length)) : throw new ImageException(path, "the file is empty.");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(path, $"it cannot be read [{failure.Message}].", failure);
        }
    }

    /// <summary>Decodes the frames that were checked.</summary>
    protected abstract Task<IReadOnlyList<RgbImage>> ReadChosenAsync(IReadOnlyList<int> indexes, CancellationToken cancellationToken);

    /// <summary>Checks that so many pixels may be held.</summary>
    protected void RequireSpace(long pixelCount)
    {
        if (pixelCount > MaxPixels * MaxImages)
            throw new ImageException(
                Name,
                $"the frames have {pixelCount} pixels in all, more than the limit of {MaxPixels * MaxImages}: take fewer, or make them "
                    + "smaller."
            );
    }

    /// <summary>The most pixels of a frame.</summary>
    protected abstract long MaxPixels { get; }

    /// <summary>Checks the number of frames that a file claims.</summary>
    protected static int RequireCount(string name, long count) =>
        count is >= 1 and <= MaxCount
            ? (int)count
            : throw new ImageException(
                name,
                count < 1 ? "it has no frames." : $"it has {count} frames, more than the limit of {MaxCount}."
            );
}
