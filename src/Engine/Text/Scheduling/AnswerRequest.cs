using Tessera.Text.Sampling;

namespace Tessera.Text.Scheduling;

/// <summary>What an answer is generated from.</summary>
/// <param name="Rows">The prompt; at least one position.</param>
/// <param name="Sampling">How tokens are chosen.</param>
/// <param name="StopStrings">Texts that end the answer.</param>
/// <param name="MaxTokens">The most tokens of the answer.</param>
/// <param name="Owner">Whose conversation it belongs to: the same owner's next prompt continues where this one ended.</param>
internal sealed record AnswerRequest(
    PromptRows Rows,
    SamplerSettings Sampling,
    IReadOnlyList<string> StopStrings,
    int MaxTokens,
    object Owner
);

/// <summary>A piece of an answer, or of the way to it.</summary>
/// <param name="Text">Text that became certain; whole characters only.</param>
/// <param name="Prefilled">Fraction of the prompt that has been through the language model.</param>
/// <param name="TokenCount">Tokens of the answer so far.</param>
/// <param name="End">How the answer ended, with the last piece only.</param>
internal readonly record struct AnswerPiece(string Text, double Prefilled, int TokenCount, AnswerEnd? End = null);

/// <summary>How an answer ended.</summary>
/// <param name="TokenIds">The generated tokens, with the one that ended it.</param>
/// <param name="IsCut">Whether it ended for want of room or at its most tokens.</param>
/// <param name="ReusedCount">Positions of the prompt that were in the KV cache already.</param>
/// <param name="AdmittedAt">Time stamp of the prefill's start.</param>
/// <param name="FirstTokenAt">Time stamp of the first token.</param>
/// <param name="EndedAt">Time stamp of the end.</param>
internal sealed record AnswerEnd(
    IReadOnlyList<int> TokenIds,
    bool IsCut,
    int ReusedCount,
    long AdmittedAt,
    long FirstTokenAt,
    long EndedAt
);
