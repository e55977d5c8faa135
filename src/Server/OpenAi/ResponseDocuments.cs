using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.AI;
using Tessera.Server.Answers;
using Tessera.Server.Json;

namespace Tessera.Server.OpenAi;

/// <summary>An answer of the responses API. What the request said of how to answer is said again, as OpenAI's does.</summary>
internal sealed record ResponseDocument(
    string Id,
    string Object,
    long CreatedAt,
    string Status,
    string Model,
    IReadOnlyList<ResponseItem> Output,
    JsonElement ParallelToolCalls,
    JsonElement ToolChoice,
    JsonElement Tools,
    JsonElement Text,
    JsonElement Reasoning,
    JsonElement Metadata,
    JsonElement Instructions,
    JsonElement User,
    float Temperature,
    float TopP,
    int? MaxOutputTokens
)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public OpenAiErrorOf? Error { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public IncompleteDetails? IncompleteDetails { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public long? CompletedAt { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? PreviousResponseId { get; init; }

    public bool Background { get; init; }

    public bool Store { get; init; }

    public string ServiceTier { get; init; } = "default";

    public string Truncation { get; init; } = "disabled";

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public ResponseUsage? Usage { get; init; }

    public AnswerMetadata? Tessera { get; init; }
}

/// <summary>What a request said, as its answer says it again.</summary>
/// <param name="Body">The request's fields, which outlive its body.</param>
/// <param name="Options">How it is answered.</param>
internal sealed record ResponseEcho(JsonElement Body, ChatOptions Options)
{
    // What is longer is kept in memory once at most, not again for its answer.
    private const int LongestField = 1 << 18;
    private static readonly string[] Names =
    [
        "parallel_tool_calls",
        "tool_choice",
        "tools",
        "text",
        "reasoning",
        "metadata",
        "instructions",
        "user",
    ];

    /// <summary>Keeps the fields of a request; not its input, which may be large.</summary>
    public static ResponseEcho Of(Fields body, ChatOptions options)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            foreach (string name in Names)
                if (body.Any(name) is { } value && JsonMarshal.GetRawUtf8Value(value).Length <= LongestField)
                {
                    writer.WritePropertyName(name);
                    value.WriteTo(writer);
                }

            writer.WriteEndObject();
        }

        return new ResponseEcho(JsonElement.Parse(stream.ToArray()), options);
    }

    /// <summary>The document of an answer in some state.</summary>
    public ResponseDocument Document(string id, long created, string status, string model, IReadOnlyList<ResponseItem> output) =>
        new(
            id,
            "response",
            created,
            status,
            model,
            output,
            Said("parallel_tool_calls", "true"),
            Said("tool_choice", "\"auto\""),
            Said("tools", "[]"),
            Said("text", """{"format":{"type":"text"}}"""),
            Said("reasoning", """{"effort":null,"summary":null}"""),
            Said("metadata", "{}"),
            Said("instructions", "null"),
            Said("user", "null"),
            Options.Temperature ?? Usual.Temperature,
            Options.TopP ?? Usual.TopP,
            Options.MaxOutputTokens
        );

    private static GenerationOptions Usual { get; } = new();

    private JsonElement Said(string name, string otherwise) =>
        Body.TryGetProperty(name, out JsonElement value) ? value : JsonElement.Parse(otherwise);
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

    /// <summary>What the assistant says.</summary>
    public static ResponseItem Message(string id, string status, params IReadOnlyList<ResponsePart> parts) =>
        new(id, "message", status) { Role = "assistant", Content = parts };

    /// <summary>What a model thinks before.</summary>
    public static ResponseItem Reasoning(string id, string status, params IReadOnlyList<ResponsePart> summary) =>
        new(id, "reasoning", status) { Summary = summary };

    /// <summary>A call of a function.</summary>
    public static ResponseItem Call(FunctionCallContent call) =>
        new(NewId("fc"), "function_call", "completed")
        {
            CallId = call.CallId,
            Name = call.Name,
            Arguments = ToolFields.ArgumentText(call),
        };

    public static string NewId(string kind) => $"{kind}_{Guid.NewGuid():N}";
}

internal sealed record ResponsePart(string Type, string Text)
{
    public IReadOnlyList<string>? Annotations { get; init; }

    public IReadOnlyList<ChatLogProbability>? Logprobs { get; init; }

    /// <summary>A message's text.</summary>
    public static ResponsePart Output(string text, IReadOnlyList<TokenLogProbability> chosen) =>
        new("output_text", text) { Annotations = [], Logprobs = [.. chosen.Select(ChatLogProbability.Of)] };

    /// <summary>A thought's text.</summary>
    public static ResponsePart Thought(string text) => new("summary_text", text);
}

internal sealed record ResponseUsage(
    int InputTokens,
    ResponseInputDetails InputTokensDetails,
    int OutputTokens,
    ResponseOutputDetails OutputTokensDetails,
    int TotalTokens
)
{
    public static ResponseUsage Of(AnswerEnding ending)
    {
        GenerationResult result = ending.Result;
        return new(
            result.PromptTokenCount,
            new ResponseInputDetails(result.ReusedTokenCount),
            result.TokenIds.Count,
            new ResponseOutputDetails(ending.ReasoningTokenCount),
            result.PromptTokenCount + result.TokenIds.Count
        );
    }
}

internal sealed record ResponseInputDetails(int CachedTokens);

internal sealed record ResponseOutputDetails(int ReasoningTokens);

/// <summary>What happens while a response is made.</summary>
internal sealed record ResponseEvent(string Type, int SequenceNumber)
{
    public ResponseDocument? Response { get; init; }

    public int? OutputIndex { get; init; }

    public int? ContentIndex { get; init; }

    public int? SummaryIndex { get; init; }

    public string? ItemId { get; init; }

    public ResponseItem? Item { get; init; }

    public ResponsePart? Part { get; init; }

    public string? Delta { get; init; }

    public string? Text { get; init; }

    public IReadOnlyList<ChatLogProbability>? Logprobs { get; init; }

    public string? Name { get; init; }

    public string? Arguments { get; init; }
}

internal sealed record ResponseErrorEvent(
    string Type,
    int SequenceNumber,
    string Code,
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] string? Param
);
