namespace Tessera.Templates;

/// <summary>One part of a message: a text, or an image where <see cref="Text"/> is null.</summary>
/// <param name="Text">The text, or null for an image.</param>
public readonly record struct ChatTemplatePart(string? Text)
{
    /// <summary>An image in its place among the texts.</summary>
    public static ChatTemplatePart Image => new(null);

    /// <summary>Whether the part is an image.</summary>
    public bool IsImage => Text is null;
}

/// <summary>One message of a conversation.</summary>
/// <param name="Role">Who speaks: system, user or assistant.</param>
/// <param name="Parts">What is said and shown, in order.</param>
public sealed record ChatTemplateMessage(string Role, IReadOnlyList<ChatTemplatePart> Parts)
{
    /// <summary>A message of one text.</summary>
    public ChatTemplateMessage(string role, string text) : this(role, [new ChatTemplatePart(text)]) { }
}

/// <summary>One stretch of a rendered prompt: a text to tokenize, or the place of the next image where it is null.</summary>
/// <param name="Text">The text, or null for an image.</param>
public readonly record struct PromptSegment(string? Text)
{
    /// <summary>Whether an image's embeddings go here.</summary>
    public bool IsImage => Text is null;
}
