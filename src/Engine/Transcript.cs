using Tessera.ChatTemplates;
using Tessera.Prompting;

namespace Tessera;

/// <summary>
/// A whole conversation as messages of any roles, for callers who keep it themselves. What of it was computed before is still reused.
/// </summary>
/// <param name="Messages">The messages in order; image parts are the places of <see cref="Images"/>.</param>
public sealed record Transcript(IReadOnlyList<ChatTemplateMessage> Messages)
{
    /// <summary>The pictures in the order of their places.</summary>
    public IReadOnlyList<PromptImage> Images { get; init; } = [];

    /// <summary>What else the chat template is told, such as <c>tools</c> or <c>enable_thinking</c>.</summary>
    public IReadOnlyDictionary<string, TemplateValue> Variables { get; init; } = new Dictionary<string, TemplateValue>();

    /// <summary>The beginning of the answer, which the model continues; it is not repeated in what comes.</summary>
    public string AnswerStart { get; init; } = "";

    /// <summary>Limits on slices and tokens of each picture.</summary>
    public PlanRequest Limits { get; init; } = PlanRequest.Default;

    /// <summary>The messages, none of whose texts opens a place for a picture.</summary>
    /// <exception cref="TesseraException">A text holds the marker that stands for a picture.</exception>
    internal IReadOnlyList<ChatTemplateMessage> CheckedMessages() =>
        [
            .. Messages.Select(
                static (message, index) =>
                {
                    if (!message.Text.Contains(PromptText.ImageMarker, StringComparison.Ordinal))
                        return message;
                    if (message.Role != "assistant")
                        throw new TesseraException(
                            $"Message {index} holds {PromptText.ImageMarker}, which stands for a picture: leave it out, and give "
                                + "pictures as parts."
                        );
                    return message with
                    {
                        Parts = [new ChatTemplatePart(message.Text.Replace(PromptText.ImageMarker, "", StringComparison.Ordinal))],
                    };
                }
            ),
        ];

    /// <summary>Each picture with what is asked of its plan: families that slice less beside other pictures look at one
    /// message's.</summary>
    internal IEnumerable<(PromptImage Image, PlanRequest Request)> PlacedImages()
    {
        int first = 0;
        foreach (ChatTemplateMessage message in Messages)
        {
            int count = Math.Min(message.ImageCount, Images.Count - first);
            for (int index = 0; index < count; index++)
                yield return (Images[first + index], Limits with { ImageCount = message.ImageCount });
            first += count;
        }
    }
}
