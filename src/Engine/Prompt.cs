namespace Tessera;

/// <summary>A question with its pictures and videos.</summary>
/// <param name="Text">
/// The user's text. A marker <c>&lt;__media__&gt;</c> in it stands for a picture or a video; without one, they come first.
/// </param>
public sealed record Prompt(string Text)
{
    /// <summary>The pictures and videos in the order of their places.</summary>
    public IReadOnlyList<PromptMedia> Media { get; init; } = [];

    /// <summary>The pictures among <see cref="Media"/>; set, they are all of it.</summary>
    public IReadOnlyList<PromptImage> Images
    {
        get => [.. Media.OfType<PromptImage>()];
        init => Media = value;
    }

    /// <summary>Limits on slices and tokens of each picture.</summary>
    public PlanRequest Limits { get; init; } = PlanRequest.Default;

    /// <summary>The system sentence; null for the model's own.</summary>
    public string? System { get; init; }

    /// <summary>Whether the text is the whole prompt, without any template.</summary>
    public bool IsRaw { get; init; }
}
