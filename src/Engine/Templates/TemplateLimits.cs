namespace Tessera.Templates;

/// <summary>What one rendering may cost; a template comes with a model file and may be hostile.</summary>
public sealed record TemplateLimits
{
    /// <summary>Generous for chats of a megabyte, and over within a second of processor time for a template that never ends.</summary>
    public static TemplateLimits Default { get; } = new();

    /// <summary>Steps: one per evaluated expression and statement, and one per 16 characters or list items handled.</summary>
    public long MaxSteps { get; init; } = 1_000_000;

    /// <summary>How deep macros, recursive loops and nested values may go.</summary>
    public int MaxDepth { get; init; } = 200;

    /// <summary>Characters (UTF-16) in the output and in any string made on the way.</summary>
    public int MaxLength { get; init; } = 16 << 20;
}
