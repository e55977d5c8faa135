using System.Text.Json;
using System.Text.Json.Serialization;
using Tessera.Server.Answers;
using Tessera.Server.Look;

namespace Tessera.Server.OpenAi;

/// <summary>A whole answer.</summary>
internal sealed record ChatCompletion(
    string Id,
    string Object,
    long Created,
    string Model,
    IReadOnlyList<ChatChoice> Choices,
    ChatUsage Usage,
    string SystemFingerprint,
    AnswerMetadata Tessera
)
{
    public string ServiceTier { get; } = "default";
}

internal sealed record ChatChoice(
    int Index,
    ChatChoiceMessage Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] ChatLogProbabilities? Logprobs,
    string FinishReason
);

internal sealed record ChatChoiceMessage(
    string Role,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Content,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Refusal
)
{
    public string? ReasoningContent { get; init; }

    public IReadOnlyList<ChatToolCall>? ToolCalls { get; init; }

    /// <summary>Citations of web pages, of which there are none.</summary>
    public IReadOnlyList<string> Annotations { get; } = [];
}

/// <summary>A piece of an answer.</summary>
internal sealed record ChatCompletionChunk(
    string Id,
    string Object,
    long Created,
    string Model,
    string SystemFingerprint,
    IReadOnlyList<ChatChunkChoice> Choices
)
{
    public string ServiceTier { get; } = "default";

    /// <summary>Where it was asked for, a JSON null in all pieces but the last.</summary>
    public JsonElement? Usage { get; init; }

    public AnswerMetadata? Tessera { get; init; }
}

internal sealed record ChatChunkChoice(
    int Index,
    ChatDelta Delta,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] ChatLogProbabilities? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? FinishReason
);

internal sealed record ChatDelta
{
    public string? Role { get; init; }

    public string? Content { get; init; }

    public string? ReasoningContent { get; init; }

    public IReadOnlyList<ChatToolCall>? ToolCalls { get; init; }
}

/// <summary>A call of a tool; the index is a chunk's only.</summary>
internal sealed record ChatToolCall(int? Index, string Id, string Type, ChatFunctionCall Function);

internal sealed record ChatFunctionCall(string Name, string Arguments);

internal sealed record ChatUsage(
    int PromptTokens,
    int CompletionTokens,
    int TotalTokens,
    PromptTokenDetails PromptTokensDetails,
    CompletionTokenDetails CompletionTokensDetails
)
{
    public static ChatUsage Of(AnswerEnding ending)
    {
        GenerationResult result = ending.Result;
        return new(
            result.PromptTokenCount,
            result.TokenIds.Count,
            result.PromptTokenCount + result.TokenIds.Count,
            new PromptTokenDetails(result.ReusedTokenCount, 0, result.ImageTokenCount),
            new CompletionTokenDetails(ending.ReasoningTokenCount, 0, 0, 0)
        );
    }
}

internal sealed record PromptTokenDetails(int CachedTokens, int AudioTokens, int ImageTokens);

internal sealed record CompletionTokenDetails(
    int ReasoningTokens,
    int AudioTokens,
    int AcceptedPredictionTokens,
    int RejectedPredictionTokens
);

internal sealed record ChatLogProbabilities(
    IReadOnlyList<ChatLogProbability> Content,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] IReadOnlyList<ChatLogProbability>? Refusal = null
)
{
    /// <summary>Null where there are none.</summary>
    public static ChatLogProbabilities? Of(IReadOnlyList<TokenLogProbability> tokens) =>
        tokens.Count > 0 ? new([.. tokens.Select(ChatLogProbability.Of)]) : null;
}

internal sealed record ChatLogProbability(
    string Token,
    double Logprob,
    IReadOnlyList<int> Bytes,
    IReadOnlyList<ChatLogProbability>? TopLogprobs
)
{
    public static ChatLogProbability Of(TokenLogProbability token) =>
        new(token.Text, Finite(token.LogProbability), BytesOf(token), [.. token.Likeliest.Select(Top)]);

    private static ChatLogProbability Top(TokenLogProbability token) => new(token.Text, Finite(token.LogProbability), BytesOf(token), null);

    private static int[] BytesOf(TokenLogProbability token) => [.. token.Bytes.ToArray().Select(static value => (int)value)];

    // JSON has no infinity; OpenAI's API says -9999 for what is less likely than it tells.
    private static double Finite(double value) => Math.Max(value, -9999);
}

/// <summary>What Tessera says beyond the API: how the pictures were cut, what of the request meant nothing, and what took how
/// long.</summary>
internal sealed record AnswerMetadata(
    IReadOnlyList<LookSummary> Images,
    IReadOnlyList<string>? IgnoredFields,
    int CachedImages,
    AnswerTimings Timings
)
{
    public static AnswerMetadata Of(GenerationResult result, IReadOnlyList<LookDocument> pictures, IReadOnlyList<string> ignored) =>
        new(
            [.. pictures.Select(static picture => picture.Summary)],
            ignored.Count > 0 ? ignored : null,
            result.CachedImageCount,
            new AnswerTimings(
                Math.Round(result.Timings.PreprocessMs, 3),
                Math.Round(result.Timings.EncodeMs, 3),
                Math.Round(result.Timings.PrefillMs, 3),
                Math.Round(result.Timings.FirstTokenMs, 3),
                Math.Round(result.Timings.DecodeMs, 3)
            )
        );
}

internal sealed record AnswerTimings(double PreprocessMs, double EncodeMs, double PrefillMs, double FirstTokenMs, double DecodeMs);

internal sealed record ModelList(string Object, IReadOnlyList<ModelEntry> Data);

internal sealed record ModelEntry(string Id, string Object, long Created, string OwnedBy);

internal sealed record EmbeddingList(string Object, IReadOnlyList<EmbeddingEntry> Data, string Model, EmbeddingUsage Usage);

/// <summary>One vector: numbers, or float32 in base64.</summary>
internal sealed record EmbeddingEntry(string Object, int Index, JsonElement Embedding);

internal sealed record EmbeddingUsage(int PromptTokens, int TotalTokens);
