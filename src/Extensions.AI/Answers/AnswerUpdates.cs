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
    private int callCount;

    /// <summary>What became certain with more text.</summary>
    public IEnumerable<ChatResponseUpdate> Append(string text) => text.Length == 0 ? [] : Updates(reader.Append(text));

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
            yield return Update(content);
        }
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
