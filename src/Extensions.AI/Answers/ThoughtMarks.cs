using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>How a model writes thoughts.</summary>
/// <param name="Start">Before a thought.</param>
/// <param name="End">Behind it.</param>
internal sealed record ThoughtMarks(string Start, string End)
{
    /// <summary>Of most models.</summary>
    public static ThoughtMarks Think { get; } = new("<think>", "</think>");

    private static readonly ThoughtMarks[] Known =
    [
        Think,
        new("<|START_THINKING|>", "<|END_THINKING|>"),
        new("[THINK]", "[/THINK]"),
        new("<|channel>thought", "<channel|>"),
        new("<seed:think>", "</seed:think>"),
        new("<|inner_prefix|>", "<|inner_suffix|>"),
    ];

    /// <summary>How the model of a template writes thoughts; null if it writes none.</summary>
    /// <param name="template">The template's text.</param>
    public static ThoughtMarks? Of(string template) => Array.Find(Known, marks => template.Contains(marks.End, StringComparison.Ordinal));
}

/// <summary>Tells the parts of an answer apart while it is generated.</summary>
internal interface IAnswerReader
{
    /// <summary>Whether what comes next belongs to a thought, as far as is known.</summary>
    bool IsThinking { get; }

    /// <summary>Adds text and returns what became certain.</summary>
    IReadOnlyList<AIContent> Append(string text);

    /// <summary>Returns what was held back.</summary>
    IReadOnlyList<AIContent> Finish();
}
