using System.Text.Json;
using System.Text.Json.Serialization;
using Tessera.Server.OpenAi;

namespace Tessera.Server.Ollama;

/// <summary>An answer, or a piece of one, of <c>/api/chat</c> (with a message) and <c>/api/generate</c> (with a response). Times are
/// nanoseconds.</summary>
internal sealed record OllamaAnswer(string Model, string CreatedAt)
{
    public OllamaMessage? Message { get; init; }

    public string? Response { get; init; }

    public string? Thinking { get; init; }

    public bool Done { get; init; }

    public string? DoneReason { get; init; }

    public long? TotalDuration { get; init; }

    public long? LoadDuration { get; init; }

    public int? PromptEvalCount { get; init; }

    public long? PromptEvalDuration { get; init; }

    public int? EvalCount { get; init; }

    public long? EvalDuration { get; init; }

    public IReadOnlyList<ChatLogProbability>? Logprobs { get; init; }

    public AnswerMetadata? Tessera { get; init; }
}

internal sealed record OllamaMessage(string Role, string Content)
{
    public string? Thinking { get; init; }

    public IReadOnlyList<OllamaToolCall>? ToolCalls { get; init; }
}

internal sealed record OllamaToolCall(OllamaFunction Function)
{
    public string? Id { get; init; }
}

internal sealed record OllamaFunction(string Name, JsonElement Arguments);

/// <summary>The version of Ollama whose API is spoken, which clients ask before they use parts of it, and the program's own.</summary>
internal sealed record OllamaVersion(string Version, string Tessera)
{
    public const string Followed = "0.12.11";
}

internal sealed record OllamaTags(IReadOnlyList<OllamaModel> Models);

internal sealed record OllamaModel(string Name, string Model, string ModifiedAt, long Size, string Digest, OllamaDetails Details);

internal sealed record OllamaDetails(
    string ParentModel,
    string Format,
    string Family,
    IReadOnlyList<string> Families,
    string ParameterSize,
    string QuantizationLevel
);

internal sealed record OllamaRunning(IReadOnlyList<OllamaRunningModel> Models);

internal sealed record OllamaRunningModel(
    string Name,
    string Model,
    long Size,
    string Digest,
    OllamaDetails Details,
    string ExpiresAt,
    long SizeVram,
    int ContextLength
);

internal sealed record OllamaShow(
    string License,
    string Modelfile,
    string Parameters,
    string Template,
    OllamaDetails Details,
    [property: JsonPropertyName("model_info")] IReadOnlyDictionary<string, JsonElement> ModelInfo,
    IReadOnlyList<string> Capabilities,
    string ModifiedAt
);

internal sealed record OllamaPullStatus(string Status)
{
    public string? Digest { get; init; }

    public long? Total { get; init; }

    public long? Completed { get; init; }
}

internal sealed record OllamaEmbeddings(
    string Model,
    IReadOnlyList<float[]> Embeddings,
    long TotalDuration,
    long LoadDuration,
    int PromptEvalCount
);

internal sealed record OllamaEmbedding(float[] Embedding);
