using System.CommandLine;
using Tessera.Cli.Commands;

namespace Tessera.Cli.Arguments;

/// <summary>The options that name videos and say which of their frames are taken.</summary>
internal sealed class VideoArguments
{
    private readonly Option<string[]> videos = new("--video")
    {
        Description = "A video's file, an animated GIF or WebP, or a folder of frames; may be given several times.",
        HelpName = "VIDEO",
    };
    private readonly Option<int> frames = OptionValues.Number(
        "--frames",
        "Frames of each video, spread over it.",
        "N",
        VideoRange.UsualFrameCount,
        1,
        PromptVideo.MaxFrameCount
    );
    private readonly Option<float?> from = Seconds("--from", "Where in the video the frames begin, in seconds.");
    private readonly Option<float?> to = Seconds("--to", "Where in the video the frames end, in seconds.");

    public void AddTo(Command command)
    {
        command.Add(videos);
        command.Add(frames);
        command.Add(from);
        command.Add(to);
    }

    /// <summary>Whether a video is named.</summary>
    public bool Any(ParseResult parsed) => parsed.GetValue(videos) is { Length: > 0 };

    /// <summary>Reads the frames.</summary>
    /// <exception cref="TesseraException">A video cannot be read, or it needs ffmpeg, which is missing.</exception>
    public async Task<IReadOnlyList<PromptVideo>> ReadAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        VideoRange range = Range(parsed);
        var read = new List<PromptVideo>();
        foreach (string path in parsed.GetValue(videos) ?? [])
            read.Add(await PromptVideo.FromFileAsync(path, range, cancellationToken));
        return read;
    }

    /// <summary>Which frames are asked for.</summary>
    /// <exception cref="UsageException">They end before they begin.</exception>
    public VideoRange Range(ParseResult parsed)
    {
        (float? begin, float? end) = (parsed.GetValue(from), parsed.GetValue(to));
        if (begin >= end)
            throw new UsageException($"--to ({end}) must be later than --from ({begin}).");
        return new VideoRange
        {
            FrameCount = parsed.GetValue(frames),
            From = begin,
            To = end,
        };
    }

    /// <summary>Frames of the longest video; 0 for none.</summary>
    public static int LongestOf(IReadOnlyList<PromptMedia> media) =>
        media.OfType<PromptVideo>().Select(static video => video.Frames.Count).DefaultIfEmpty().Max();

    private static Option<float?> Seconds(string name, string description)
    {
        Option<float?> option = OptionValues.OptionalNumber<float>(name, description, 0, 1_000_000);
        option.HelpName = "SECONDS";
        return option;
    }
}
