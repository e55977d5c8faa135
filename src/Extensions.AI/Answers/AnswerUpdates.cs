using Microsoft.Extensions.AI;

namespace Tessera.Extensions.AI;

/// <summary>Makes the updates of one answer.</summary>
/// <param name="request">What is answered.</param>
/// <param name="options">The chat's options.</param>
/// <param name="modelId">What the model is called.</param>
internal sealed class AnswerUpdates(ChatRequest request, ChatOptions? options, string modelId)
{
    private readonly IAnswerReader reader = request.CreateReader();
    private readonly string responseId = $"tessera-{Guid.NewGuid():N}";
    private readonly DateTimeOffset createdAt = DateTimeOffset.UtcNow;
    private readonly bool hidesThoughts = options?.Reasoning?.Output == ReasoningOutput.None;
    private readonly bool takesOneCall = options?.AllowMultipleToolCalls == false;
    private readonly List<TokenLogProbability> probabilities = [];
    private int callCount,
        reasoningTokenCount;

    /// <summary>What became certain with another piece.</summary>
    public IEnumerable<ChatResponseUpdate> Append(GenerationUpdate piece)
    {
        probabilities.AddRange(piece.LogProbabilities);
        bool wasThinking = reader.IsThinking;
        IReadOnlyList<AIContent> contents = piece.Text.Length > 0 ? reader.Append(piece.Text) : [];
        // The marks of a thought are part of it.
        if (wasThinking || reader.IsThinking)
            reasoningTokenCount += piece.TokenCount;
        return Updates(contents);
    }

    /// <summary>What was held back.</summary>
    public IEnumerable<ChatResponseUpdate> Finish() => Updates(reader.Finish());

    /// <summary>The last update: the usage, and why the answer ended.</summary>
    public ChatResponseUpdate End(GenerationResult result)
    {
        ChatResponseUpdate end = Update(
            new UsageContent(
                new UsageDetails
                {
                    InputTokenCount = result.PromptTokenCount,
                    OutputTokenCount = result.TokenIds.Count,
                    TotalTokenCount = result.PromptTokenCount + result.TokenIds.Count,
                    CachedInputTokenCount = result.ReusedTokenCount,
                    ReasoningTokenCount = reasoningTokenCount,
                    AdditionalCounts = new AdditionalPropertiesDictionary<long>
                    {
                        ["image_tokens"] = result.ImageTokenCount,
                        ["cached_images"] = result.CachedImageCount,
                    },
                }
            )
        );
        end.FinishReason =
            result.FinishReason == FinishReason.Length ? ChatFinishReason.Length
            : callCount > 0 ? ChatFinishReason.ToolCalls
            : ChatFinishReason.Stop;
        end.RawRepresentation = result;
        return end;
    }

    private IEnumerable<ChatResponseUpdate> Updates(IReadOnlyList<AIContent> contents)
    {
        foreach (AIContent content in contents)
        {
            if (content is TextReasoningContent && hidesThoughts)
                continue;
            if (content is FunctionCallContent && ++callCount > 1 && takesOneCall)
                continue;
            yield return WithProbabilities(Update(content));
        }
    }

    // Those of tokens whose text was held back come with the next that is shown.
    private ChatResponseUpdate WithProbabilities(ChatResponseUpdate update)
    {
        if (probabilities.Count == 0)
            return update;
        update.RawRepresentation = new GenerationUpdate(update.Text) { LogProbabilities = [.. probabilities] };
        probabilities.Clear();
        return update;
    }

    private ChatResponseUpdate Update(AIContent content) =>
        new(ChatRole.Assistant, [content])
        {
            ResponseId = responseId,
            MessageId = responseId,
            ModelId = modelId,
            CreatedAt = createdAt,
        };
}
