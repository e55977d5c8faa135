namespace Tessera;

/// <summary>Which frames of a video are taken.</summary>
public sealed record VideoRange
{
    /// <summary>How many frames LLaVA-NeXT-Video and LLaVA-OneVision were shown.</summary>
    public const int UsualFrameCount = 32;

    /// <summary>The most frames; a video with fewer gives all it has.</summary>
    public int FrameCount { get; init; } = UsualFrameCount;

    /// <summary>Where it starts, in seconds; null for the video's start.</summary>
    public double? From { get; init; }

    /// <summary>Where it ends, in seconds; null for the video's end.</summary>
    public double? To { get; init; }

    /// <summary>How the frames are spread.</summary>
    public FrameChoice Choice { get; init; } = FrameChoice.EndToEnd;
}

/// <summary>How the frames of a video are chosen: each family's authors have their own way.</summary>
public enum FrameChoice
{
    /// <summary>Evenly from the first frame to the last (LLaVA-VL/LLaVA-NeXT, playground/demo/video_demo.py).</summary>
    EndToEnd,

    /// <summary>The middles of equal stretches, in rounded steps (OpenGVLab/InternVL2-8B, README.md, get_index).</summary>
    RoundedMiddles,

    /// <summary>One a second; the middles of equal parts of these where they are too many (openbmb/MiniCPM-V-2_6, README.md).</summary>
    EachSecond,
}
