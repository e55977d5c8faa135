using System.Text.Json.Serialization;

namespace Tessera.Server.OpenAi;

/// <summary>An answer of the responses API.</summary>
internal sealed record ResponseDocument(
    string Id,
    string Object,
    long CreatedAt,
    string Status,
    string Model,
    IReadOnlyList<ResponseItem> Output
)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public OpenAiErrorOf? Error { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IncompleteDetails? IncompleteDetails { get; init; }

    public bool ParallelToolCalls { get; init; } = true;

    public string ToolChoice { get; init; } = "auto";

    public IReadOnlyList<string> Tools { get; init; } = [];

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ResponseUsage? Usage { get; init; }

    public AnswerMetadata? Tessera { get; init; }
}

internal sealed record OpenAiErrorOf(string Code, string Message);

internal sealed record IncompleteDetails(string Reason);

/// <summary>A message, a thought, or a call of a function.</summary>
internal sealed record ResponseItem(string Id, string Type, string Status)
{
    public string? Role { get; init; }

    public IReadOnlyList<ResponsePart>? Content { get; init; }

    public IReadOnlyList<ResponsePart>? Summary { get; init; }

    public string? CallId { get; init; }

    public string? Name { get; init; }

    public string? Arguments { get; init; }
}

internal sealed record ResponsePart(string Type, string Text)
{
    public IReadOnlyList<string>? Annotations { get; init; }

    /// <summary>A message's text.</summary>
    public static ResponsePart Output(string text) => new("output_text", text) { Annotations = [] };
}

internal sealed record ResponseUsage(
    int InputTokens,
    ResponseInputDetails InputTokensDetails,
    int OutputTokens,
    CompletionTokenDetails OutputTokensDetails,
    int TotalTokens
)
{
    public static ResponseUsage Of(GenerationResult result) =>
        new(
            result.PromptTokenCount,
            new ResponseInputDetails(result.ReusedTokenCount),
            result.TokenIds.Count,
            new CompletionTokenDetails(0),
            result.PromptTokenCount + result.TokenIds.Count
        );
}

internal sealed record ResponseInputDetails(int CachedTokens);

/// <summary>What happens while a response is made.</summary>
internal sealed record ResponseEvent(string Type, int SequenceNumber)
{
    public ResponseDocument? Response { get; init; }

    public int? OutputIndex { get; init; }

    public int? ContentIndex { get; init; }

    public string? ItemId { get; init; }

    public ResponseItem? Item { get; init; }

    public ResponsePart? Part { get; init; }

    public string? Delta { get; init; }

    public string? Text { get; init; }

    public string? Name { get; init; }

    public string? Arguments { get; init; }

    public string? Code { get; init; }

    public string? Message { get; init; }
}
