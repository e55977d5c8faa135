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
}
