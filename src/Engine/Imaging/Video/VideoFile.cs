using System.Globalization;
using System.Text.Json;

namespace Tessera.Imaging.Video;

/// <summary>
/// A video file, read with ffmpeg: the first picture stream, rotated as its header says, each frame as the 8-bit RGB that ffmpeg makes
/// of it (<c>rgb24</c>). Frames are counted as they come out of the decoder, from 0.
/// </summary>
internal sealed class VideoFile : FrameSource
{
    // Playlists and the like, which name other files and addresses, are not opened.
    private const string Containers =
        "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,flv,asf,ogg,rm,mxf,nut,ivf,h264,hevc,av1,obu,"
        + "yuv4mpegpipe,dv,wtv,gif";
    private const int MaxReportLength = 1 << 20;

    private VideoFile(string path, long maxPixels, PixelSize size, int frameCount, double? rate)
    {
        (Name, MaxPixels, Size, FrameCount, FramesPerSecond) = (path, maxPixels, size, frameCount, rate);
    }

    public override string Name { get; }

    public override int FrameCount { get; }

    public override PixelSize Size { get; }

    public override double? FramesPerSecond { get; }

    protected override long MaxPixels { get; }

    /// <summary>Asks ffprobe for size, length and rate; a container that does not tell its length is counted through.</summary>
    /// <exception cref="ImageException">It is no video, damaged, or too large.</exception>
    /// <exception cref="TesseraException">ffprobe is missing.</exception>
    public static async Task<VideoFile> OfFileAsync(string path, long maxPixels, CancellationToken cancellationToken)
    {
        JsonElement stream = await ProbeAsync(path, [], cancellationToken).ConfigureAwait(false);
        long count = Whole(stream, "nb_frames");
        if (count < 1)
            count = Whole(await ProbeAsync(path, ["-count_packets"], cancellationToken).ConfigureAwait(false), "nb_read_packets");
        (long width, long height) = (Whole(stream, "width"), Whole(stream, "height"));
        new ImageSizeLimit(path, maxPixels).Require(width, height);
        bool isTurned = Math.Abs(Rotation(stream)) % 180 == 90;
        PixelSize size = isTurned ? new PixelSize((int)height, (int)width) : new PixelSize((int)width, (int)height);
        return new VideoFile(path, maxPixels, size, RequireCount(path, count), Rate(stream));
    }

    protected override async Task<IReadOnlyList<RgbImage>> ReadChosenAsync(IReadOnlyList<int> indexes, CancellationToken cancellationToken)
    {
        // Each chosen frame gets a time of its own, so that none is repeated or dropped to keep a rate, whatever ffmpeg's version.
        string chosen = string.Join('+', indexes.Select(static index => string.Create(CultureInfo.InvariantCulture, $"eq(n,{index})")));
        string[] arguments =
        [
            .. Input(Name),
            .. (string[])["-map", "0:v:0", "-vf", $"select='{chosen}',settb=1/25,setpts=N", "-r", "25"],
            .. (string[])
                [
                    "-frames:v",
                    indexes.Count.ToString(CultureInfo.InvariantCulture),
                    "-pix_fmt",
                    "rgb24",
                    "-vcodec",
                    "ppm",
                    "-f",
                    "image2pipe",
                    "pipe:1",
                ],
        ];
        List<RgbImage> frames = await FfmpegProgram
            .RunAsync("ffmpeg", arguments, (output, token) => ReadFramesAsync(output, indexes.Count, token), Name, cancellationToken)
            .ConfigureAwait(false);
        return frames.Count == indexes.Count
            ? frames
            : throw new ImageException(
                Name,
                $"only {frames.Count} of {indexes.Count} frames could be read: the video is damaged or cut short."
            );
    }

    private async Task<List<RgbImage>> ReadFramesAsync(Stream output, int count, CancellationToken cancellationToken)
    {
        await using var buffered = new BufferedStream(output, 1 << 16);
        var frames = new List<RgbImage>(count);
        long pixelCount = 0;
        while (
            frames.Count < count
            && await PpmReader.ReadAsync(buffered, new ImageSizeLimit(Name, MaxPixels), cancellationToken).ConfigureAwait(false)
                is RgbImage frame
        )
        {
            pixelCount += (long)frame.Width * frame.Height;
            RequireSpace(pixelCount);
            frames.Add(frame);
        }

        return frames;
    }

    private static string[] Input(string path) =>
        [
            "-v",
            "error",
            "-nostdin",
            "-protocol_whitelist",
            "file,pipe",
            "-format_whitelist",
            Containers,
            "-i",
            "file:" + Path.GetFullPath(path),
        ];

    private static async Task<JsonElement> ProbeAsync(string path, string[] more, CancellationToken cancellationToken)
    {
        const string Wanted = "stream=width,height,avg_frame_rate,nb_frames,nb_read_packets:stream_side_data=rotation";
        string[] input = [.. Input(path).Where(static argument => argument != "-nostdin")];
        string[] arguments = ["-select_streams", "v:0", "-show_entries", Wanted, "-of", "json", .. more, .. input];
        byte[] report = await FfmpegProgram.RunAsync("ffprobe", arguments, ReadReportAsync, path, cancellationToken).ConfigureAwait(false);
        try
        {
            using JsonDocument document = JsonDocument.Parse(report);
            return document.RootElement.TryGetProperty("streams", out JsonElement streams) && streams.GetArrayLength() > 0
                ? streams[0].Clone()
                : throw new ImageException(path, "it holds no moving pictures.");
        }
        catch (JsonException failure)
        {
            throw new ImageException(path, "ffprobe cannot describe it.", failure);
        }
    }

    private static async Task<byte[]> ReadReportAsync(Stream output, CancellationToken cancellationToken)
    {
        byte[] report = new byte[MaxReportLength];
        int length = await output
            .ReadAtLeastAsync(report, report.Length, throwOnEndOfStream: false, cancellationToken)
            .ConfigureAwait(false);
        return report[..length];
    }

    // Numbers are texts in places, and "N/A" where they are not known.
    private static long Whole(JsonElement stream, string key)
    {
        if (!stream.TryGetProperty(key, out JsonElement value))
            return 0;
        return long.TryParse(value.ToString(), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : 0;
    }

    private static double? Rate(JsonElement stream)
    {
        string[] parts = stream.TryGetProperty("avg_frame_rate", out JsonElement value) ? value.ToString().Split('/') : [];
        return
            parts.Length == 2
            && double.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out double above)
            && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double below)
            && above > 0
            && below > 0
            ? above / below
            : null;
    }

    private static int Rotation(JsonElement stream)
    {
        if (!stream.TryGetProperty("side_data_list", out JsonElement list) || list.ValueKind != JsonValueKind.Array)
            return 0;
        foreach (JsonElement entry in list.EnumerateArray())
            if (entry.TryGetProperty("rotation", out JsonElement value) && value.TryGetInt32(out int degrees))
                return degrees;
        return 0;
    }
}
