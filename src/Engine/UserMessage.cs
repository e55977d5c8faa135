namespace Tessera;

/// <summary>What a user says in a conversation.</summary>
/// <param name="Text">The text. A marker <c>&lt;__media__&gt;</c> in it stands for a picture or a video; without one, they come
/// first.</param>
public sealed record UserMessage(string Text)
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
}

/// <summary>A message and its answer.</summary>
/// <param name="Message">What the user said.</param>
/// <param name="Answer">What the model said.</param>
public sealed record ChatTurn(UserMessage Message, string Answer);

/// <summary>What happens when a conversation no longer fits the context.</summary>
public enum ContextOverflow
{
    /// <summary>The oldest turns are left out, whole and with their pictures; the system sentence stays.</summary>
    DropOldestTurns,

    /// <summary>The message is refused with <see cref="PromptTooLongException"/>.</summary>
    Refuse,
}

/// <summary>How a conversation is held.</summary>
public sealed record ChatSessionOptions
{
    /// <summary>The system sentence; null for the model's own.</summary>
    public string? System { get; init; }

    /// <summary>What happens when the conversation no longer fits the context.</summary>
    public ContextOverflow Overflow { get; init; }

    /// <summary>Turns with which the conversation begins.</summary>
    public IReadOnlyList<ChatTurn> Turns { get; init; } = [];
}

/// <summary>What a message would cost.</summary>
/// <param name="MessageTokenCount">Tokens that the message adds, those of its pictures included.</param>
/// <param name="PromptTokenCount">Tokens of the whole prompt.</param>
/// <param name="ContextLength">Tokens that the context holds.</param>
/// <param name="DroppedTurnCount">Turns that would be left out.</param>
public sealed record MessageCost(int MessageTokenCount, int PromptTokenCount, int ContextLength, int DroppedTurnCount);
