using Tessera.ChatTemplates;

namespace Tessera.Prompting;

/// <summary>What goes to the language model: turns with their pictures, of which the last is to be answered.</summary>
/// <param name="System">The system sentence; null for the model's own.</param>
/// <param name="Turns">The turns in order.</param>
internal sealed record Conversation(string? System, IReadOnlyList<ConversationTurn> Turns)
{
    /// <summary>The text of a raw prompt, which is used as it is; null for a conversation.</summary>
    public string? RawText { get; init; }

    /// <summary>One turn for a prompt.</summary>
    public static Conversation Of(Prompt prompt) =>
        new(prompt.System, [new ConversationTurn(prompt.Text, prompt.Media, prompt.Limits, null)])
        {
            RawText = prompt.IsRaw ? prompt.Text : null,
        };
}

/// <summary>A user's message, and the answer where there is one.</summary>
internal sealed record ConversationTurn(string Text, IReadOnlyList<PromptMedia> Media, PlanRequest Limits, GeneratedAnswer? Answer)
{
    /// <summary>The turn for a prompt.</summary>
    /// <param name="slot">Number by which the answer's place is wanted; null if it is not.</param>
    public Exchange ToExchange(int? slot = null)
    {
        IReadOnlyList<ChatTemplatePart> parts = MediaMarker.Parse(Text);
        bool isPlaced = parts.Any(static part => part.IsImage);
        return new Exchange(parts, isPlaced ? 0 : Media.Count, Answer?.Text, slot);
    }
}
