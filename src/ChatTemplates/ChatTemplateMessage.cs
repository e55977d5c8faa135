namespace Tessera.ChatTemplates;

/// <summary>One part of a message: a text, or an image where <see cref="Text"/> is null.</summary>
/// <param name="Text">The text, or null for an image.</param>
/// <param name="Slot">A number by which the renderer tells where the template prints this text; null if nobody asks.</param>
public readonly record struct ChatTemplatePart(string? Text, int? Slot = null)
{
    /// <summary>An image in its place among the texts.</summary>
    public static ChatTemplatePart Image => new(null);

    /// <summary>Whether the part is an image.</summary>
    public bool IsImage => Text is null;
}

/// <summary>One message of a conversation.</summary>
/// <param name="Role">Who speaks: system, user, assistant or tool.</param>
/// <param name="Parts">What is said and shown, in order.</param>
public sealed record ChatTemplateMessage(string Role, IReadOnlyList<ChatTemplatePart> Parts)
{
    /// <summary>Who speaks: system, user, assistant or tool.</summary>
    public string Role { get; init; } = Role ?? throw new ArgumentNullException(nameof(Role));

    /// <summary>What is said and shown, in order.</summary>
    public IReadOnlyList<ChatTemplatePart> Parts { get; init; } = Parts ?? throw new ArgumentNullException(nameof(Parts));

    /// <summary>The functions that the assistant calls.</summary>
    public IReadOnlyList<ChatTemplateToolCall> ToolCalls { get; init; } = [];

    /// <summary>Which call a tool's message answers; null for other messages.</summary>
    public string? ToolCallId { get; init; }

    /// <summary>The tool that speaks; null for other messages.</summary>
    public string? ToolName { get; init; }

    /// <summary>What the assistant thought before it spoke; null if that is not known.</summary>
    public string? Reasoning { get; init; }

    /// <summary>All text of the message.</summary>
    public string Text => string.Concat(Parts.Select(static part => part.Text));

    /// <summary>Number of images.</summary>
    public int ImageCount => Parts.Count(static part => part.IsImage);

    /// <summary>A message of one text.</summary>
    public ChatTemplateMessage(string role, string text)
        : this(role, [new ChatTemplatePart(text ?? throw new ArgumentNullException(nameof(text)))]) { }
}

/// <summary>A function that the assistant calls.</summary>
/// <param name="Id">Tells it apart from other calls of the conversation.</param>
/// <param name="Name">The function.</param>
/// <param name="Arguments">Its arguments: a dictionary, or JSON text for templates that print it as it is.</param>
public sealed record ChatTemplateToolCall(string Id, string Name, TemplateValue Arguments)
{
    /// <summary>Tells it apart from other calls of the conversation.</summary>
    public string Id { get; init; } = Id ?? throw new ArgumentNullException(nameof(Id));

    /// <summary>The function.</summary>
    public string Name { get; init; } = Name ?? throw new ArgumentNullException(nameof(Name));

    /// <summary>Its arguments: a dictionary, or JSON text for templates that print it as it is.</summary>
    public TemplateValue Arguments { get; init; } = Arguments ?? throw new ArgumentNullException(nameof(Arguments));
}

/// <summary>One stretch of a rendered prompt: a text to tokenize, or the place of the next image where it is null.</summary>
/// <param name="Text">The text, or null for an image.</param>
/// <param name="Slot">The number of the part that the text is; null for other text.</param>
public readonly record struct PromptSegment(string? Text, int? Slot = null)
{
    /// <summary>Whether an image's embeddings go here.</summary>
    public bool IsImage => Text is null;
}
