using System.Runtime.CompilerServices;

namespace Tessera.ChatTemplates;

/// <summary>What one rendering may cost; a template comes with a model file and may be hostile.</summary>
public sealed record TemplateLimits
{
    /// <summary>Generous for chats of a megabyte, and over within a second of processor time for a template that never ends.</summary>
    public static TemplateLimits Default { get; } = new();

    /// <summary>For a conversation of a few words, which takes some thousands of steps, rendered to find out what a template can
    /// do.</summary>
    public static TemplateLimits Probe { get; } = new() { MaxSteps = 200_000 };

    /// <summary>Steps: one per evaluated expression and statement, and one per 16 characters or list items handled.</summary>
    public long MaxSteps
    {
        get;
        init => field = Positive(value);
    } = 1_000_000;

    /// <summary>How deep macros, recursive loops and nested values may go.</summary>
    public int MaxDepth
    {
        get;
        init => field = (int)Positive(value);
    } = 200;

    /// <summary>Characters (UTF-16) in the output and in any string made on the way.</summary>
    public int MaxLength
    {
        get;
        init => field = (int)Positive(value);
    } = 16 << 20;

    /// <summary>These limits, with no more steps than a probe may take: a template that never ends should not do so once for
    /// each.</summary>
    internal TemplateLimits ForProbe() => this with { MaxSteps = Math.Min(MaxSteps, Probe.MaxSteps) };

    private static long Positive(long value, [CallerMemberName] string limit = "") =>
        value > 0 ? value : throw new ArgumentOutOfRangeException(limit, value, $"{limit} must be at least 1.");
}
