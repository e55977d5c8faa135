using System.Text.Json;
using System.Text.Json.Serialization;
using Tessera.Annotation;
using Tessera.Grammars;

namespace Tessera.Queue;

/// <summary>A picture on its way to a worker.</summary>
/// <param name="Path">Its name in the results.</param>
/// <param name="File">Where it lies, for workers that share the folder.</param>
/// <param name="Object">Its name in the object store, where its bytes were sent.</param>
internal sealed record WorkDocument(string Path, string? File = null, string? Object = null);

/// <summary>What a job asks about every picture.</summary>
internal sealed record JobDocument(string Prompt)
{
    public string? System { get; init; }

    public string? Schema { get; init; }

    public string? Grammar { get; init; }

    public int? MaxSlices { get; init; }

    public int? MaxImageTokens { get; init; }

    public SamplingDocument Sampling { get; init; } = new();

    /// <summary>The document of a request.</summary>
    public static JobDocument Of(AnnotationRequest request) =>
        new(request.Prompt)
        {
            System = request.System,
            Schema = request.Options.Format?.Schema,
            Grammar = request.Options.Format is { Schema: null } format ? format.Grammar : null,
            MaxSlices = request.Limits.MaxSlices,
            MaxImageTokens = request.Limits.MaxImageTokens,
            Sampling = SamplingDocument.Of(request.Options),
        };

    /// <summary>The request.</summary>
    /// <exception cref="SchemaException">The schema cannot be used.</exception>
    /// <exception cref="GrammarException">The grammar cannot be used.</exception>
    public AnnotationRequest ToRequest() =>
        new()
        {
            Prompt = Prompt ?? throw new JsonException("The job has no prompt."),
            System = System,
            Limits = new PlanRequest { MaxSlices = MaxSlices, MaxImageTokens = MaxImageTokens },
            Options = (Sampling ?? new SamplingDocument()).ToOptions() with
            {
                Format =
                    Schema is not null ? AnswerFormat.FromSchema(Schema)
                    : Grammar is not null ? AnswerFormat.FromGrammar(Grammar)
                    : null,
            },
        };

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, QueueJson.Default.JobDocument);
}

/// <summary>How answers of a job are generated.</summary>
internal sealed record SamplingDocument
{
    private static readonly GenerationOptions Usual = new();

    public int MaxTokens { get; init; } = Usual.MaxTokens;
    public float Temperature { get; init; }
    public int TopK { get; init; } = Usual.TopK;
    public float TopP { get; init; } = Usual.TopP;
    public float MinP { get; init; } = Usual.MinP;
    public float RepeatPenalty { get; init; } = Usual.RepeatPenalty;
    public float FrequencyPenalty { get; init; }
    public float PresencePenalty { get; init; }
    public uint? Seed { get; init; }
    public IReadOnlyList<string> Stop { get; init; } = [];

    public static SamplingDocument Of(GenerationOptions options) =>
        new()
        {
            MaxTokens = options.MaxTokens,
            Temperature = options.Temperature,
            TopK = options.TopK,
            TopP = options.TopP,
            MinP = options.MinP,
            RepeatPenalty = options.RepeatPenalty,
            FrequencyPenalty = options.FrequencyPenalty,
            PresencePenalty = options.PresencePenalty,
            Seed = options.Seed,
            Stop = options.StopStrings,
        };

    public GenerationOptions ToOptions() =>
        new()
        {
            MaxTokens = MaxTokens,
            Temperature = Temperature,
            TopK = TopK,
            TopP = TopP,
            MinP = MinP,
            RepeatPenalty = RepeatPenalty,
            FrequencyPenalty = FrequencyPenalty,
            PresencePenalty = PresencePenalty,
            Seed = Seed,
            StopStrings = [.. (Stop ?? []).Select(static text => text ?? "")],
        };
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(WorkDocument))]
[JsonSerializable(typeof(JobDocument))]
internal sealed partial class QueueJson : JsonSerializerContext;
