using NetVips;

namespace Tessera.Imaging.Video;

/// <summary>An animated GIF or WebP: its frames are whole pictures, as libvips composes them.</summary>
internal sealed class AnimatedImage : FrameSource
{
    // libvips lays the frames out below each other, and knows no taller picture (VIPS_MAX_COORD).
    private const long MaxHeight = 10_000_000;

    // Frames between the chosen ones must be composed as well.
    private const long MaxComposed = 10_000_000_000;
    private const int UsualDelay = 100;

    private readonly ImageFormat format;
    private readonly byte[] content;
    private readonly double[] starts;

    private AnimatedImage(string name, ImageFormat format, byte[] content, long maxPixels)
    {
        (Name, this.format, this.content, MaxPixels) = (name, format, content, maxPixels);
        Size = ImageCodec.ReadSize(content, name, maxPixels);
        using Source source = Source.NewFromMemory(content);
        using Image first = Load(source, 0, 1);
        FrameCount = RequireCount(name, first.Contains("n-pages") && first.Get("n-pages") is int pages ? pages : 1);
        starts = Starts(first, FrameCount);
    }

    public override string Name { get; }

    public override int FrameCount { get; }

    public override PixelSize Size { get; }

    public override double? FramesPerSecond => starts[^1] > 0 ? (FrameCount - 1) / starts[^1] : null;

    protected override long MaxPixels { get; }

    /// <summary>Reads the file and its header.</summary>
    /// <exception cref="ImageException">It is damaged or too large.</exception>
    public static async Task<AnimatedImage> OfFileAsync(
        string path,
        ImageFormat format,
        long maxPixels,
        CancellationToken cancellationToken
    )
    {
        try
        {
            byte[] content = await ImageFileReader.ReadAsync(path, cancellationToken).ConfigureAwait(false);
            return new AnimatedImage(path, format, content, maxPixels);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new ImageException(path, $"it cannot be read [{failure.Message}].", failure);
        }
        catch (VipsException failure)
        {
            throw Damaged(path, failure);
        }
    }

    /// <summary>Frames last unequally long, so their own times count.</summary>
    public override FrameStretch Between(double? from, double? to)
    {
        int first = Array.FindLastIndex(starts, start => start <= (from ?? 0)),
            last = Array.FindLastIndex(starts, start => start <= (to ?? double.MaxValue));
        return first >= 0 && first <= last
            ? new FrameStretch(first, last)
            : throw new ImageException(Name, $"no frame lies between {from ?? 0:0.##} s and {to ?? starts[^1]:0.##} s.");
    }

    protected override Task<IReadOnlyList<RgbImage>> ReadChosenAsync(IReadOnlyList<int> indexes, CancellationToken cancellationToken)
    {
        long frames = indexes[^1] - indexes[0] + 1;
        if (frames * Size.Height > MaxHeight || (indexes[^1] + 1) * Size.Area > MaxComposed)
            throw new ImageException(
                Name,
                $"{indexes[^1] + 1} frames of {Size} are more than can be gone through: make it smaller or shorter."
            );
        return Task.Run(
            () => AbandonableWork.Run<IReadOnlyList<RgbImage>>(() => Read(indexes, (int)frames, cancellationToken), cancellationToken),
            cancellationToken
        );
    }

    private List<RgbImage> Read(IReadOnlyList<int> indexes, int count, CancellationToken cancellationToken)
    {
        try
        {
            using Source source = Source.NewFromMemory(content);
            using Image image = Load(source, indexes[0], count);
            var frames = new List<RgbImage>(indexes.Count);
            foreach (int index in indexes)
            {
                cancellationToken.ThrowIfCancellationRequested();
                frames.Add(ReadFrame(image, index - indexes[0]));
            }

            return frames;
        }
        catch (VipsException failure)
        {
            throw Damaged(Name, failure);
        }
    }

    private RgbImage ReadFrame(Image image, int place)
    {
        using Image page = image.Crop(0, place * Size.Height, Size.Width, Size.Height);
        byte[] raw = page.WriteToMemory<byte>();
        var converter = new RawPixelConverter(page.Bands, page.Bands < 3, IsWide: false);
        var frame = new RgbImage(Size.Width, Size.Height);
        int rowLength = Size.Width * converter.BytesPerPixel;
        for (int y = 0; y < Size.Height; y++)
            converter.Convert(raw.AsSpan(y * rowLength, rowLength), frame.Row(y));
        return frame;
    }

    private Image Load(Source source, int first, int count)
    {
        VOption options = new()
        {
            ["access"] = Enums.Access.Sequential,
            ["fail_on"] = Enums.FailOn.Error,
            ["page"] = first,
            ["n"] = count,
        };
        return (Image)Operation.Call(format == ImageFormat.Gif ? "gifload_source" : "webpload_source", options, source);
    }

    // Seconds at which each frame begins. A delay of nothing stands for a tenth of a second, as browsers show it.
    private static double[] Starts(Image image, int count)
    {
        int[] delays = image.Contains("delay") && image.Get("delay") is int[] given ? given : [];
        double[] starts = new double[count];
        for (int index = 1; index < count; index++)
        {
            int delay = index - 1 < delays.Length ? delays[index - 1] : 0;
            starts[index] = starts[index - 1] + (delay > 0 ? delay : UsualDelay) / 1000.0;
        }

        return starts;
    }

    private static ImageException Damaged(string name, VipsException failure) =>
        new(name, $"the animation is damaged or cut short{VipsImage.Reason(failure)}.", failure);
}
