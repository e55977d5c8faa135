using Microsoft.Extensions.AI;

namespace Tessera.Server.Answers;

/// <summary>How an answer ended.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Result">What the engine says of it.</param>
/// <param name="ReasoningTokenCount">Tokens of thoughts among the answer's.</param>
internal sealed record AnswerEnding(ChatFinishReason Reason, GenerationResult Result, int ReasoningTokenCount)
{
    /// <summary>What the last update says; null of any other.</summary>
    public static AnswerEnding? Of(ChatResponseUpdate update) =>
        update.RawRepresentation is GenerationResult result
            ? new(
                update.FinishReason!.Value,
                result,
                (int)update.Contents.OfType<UsageContent>().Sum(static usage => usage.Details.ReasoningTokenCount ?? 0)
            )
            : null;
}
