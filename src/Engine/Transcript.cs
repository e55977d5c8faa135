using Tessera.ChatTemplates;

namespace Tessera;

/// <summary>
/// A whole conversation as messages of any roles, for callers who keep it themselves. What of it was computed before is still reused.
/// </summary>
/// <param name="Messages">The messages in order; image parts are the places of <see cref="Media"/>.</param>
public sealed record Transcript(IReadOnlyList<ChatTemplateMessage> Messages)
{
    /// <summary>The pictures and videos in the order of their places.</summary>
    public IReadOnlyList<PromptMedia> Media { get; init; } = [];

    /// <summary>The pictures among <see cref="Media"/>; set, they are all of it.</summary>
    public IReadOnlyList<PromptImage> Images
    {
        get => [.. Media.OfType<PromptImage>()];
        init => Media = value;
    }

    /// <summary>What else the chat template is told, such as <c>tools</c> or <c>enable_thinking</c>.</summary>
    public IReadOnlyDictionary<string, TemplateValue> Variables { get; init; } = new Dictionary<string, TemplateValue>();

    /// <summary>The beginning of the answer, which the model continues; it is not repeated in what comes.</summary>
    public string AnswerStart { get; init; } = "";

    /// <summary>Limits on slices and tokens of each picture.</summary>
    public PlanRequest Limits { get; init; } = PlanRequest.Default;

    /// <summary>Each picture or video with what is asked of its plan: families that slice less beside other pictures look at one
    /// message's.</summary>
    internal IEnumerable<(PromptMedia Media, PlanRequest Request)> PlacedMedia()
    {
        int first = 0;
        foreach (ChatTemplateMessage message in Messages)
        {
            int count = Math.Min(message.ImageCount, Media.Count - first);
            int pictures = Media.Skip(first).Take(count).Count(static item => item is PromptImage);
            for (int index = 0; index < count; index++)
                yield return (
                    Media[first + index],
                    Limits with
                    {
                        ImageCount = pictures,
                        Instruction = Limits.Instruction ?? message.Text,
                    }
                );
            first += count;
        }
    }
}
