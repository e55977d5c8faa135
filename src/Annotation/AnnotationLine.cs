using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tessera.Annotation;

/// <summary>What became of one picture: a line of the results. Either an answer, an object or an error is there.</summary>
/// <param name="Path">The picture's name.</param>
public sealed record AnnotationLine(string Path)
{
    /// <summary>The text that answers.</summary>
    public string? Answer { get; init; }

    /// <summary>The value that answers where a schema was given.</summary>
    public JsonElement? Object { get; init; }

    /// <summary>Why there is no answer: one sentence.</summary>
    public string? Error { get; init; }

    /// <summary><c>stop</c>, or <c>length</c> where the answer was cut.</summary>
    public string? FinishReason { get; init; }

    /// <summary>Tokens of the prompt, those of the picture included.</summary>
    public int? PromptTokens { get; init; }

    /// <summary>Embeddings of the picture among them.</summary>
    public int? ImageTokens { get; init; }

    /// <summary>Tokens of the answer.</summary>
    public int? CompletionTokens { get; init; }

    /// <summary>What each stage took.</summary>
    public LineTimings? Timings { get; init; }

    /// <summary>The machine and process that answered, where several do.</summary>
    public string? Worker { get; init; }

    /// <summary>The model's file name, where several machines may have several.</summary>
    public string? Model { get; init; }

    /// <summary>A digest of what was asked: lines of the same question have the same.</summary>
    public string? Asked { get; init; }

    /// <summary>The line of an answer.</summary>
    /// <exception cref="JsonException">It should be an object, and is none.</exception>
    public static AnnotationLine Of(string path, GenerationResult result, bool isObject)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new AnnotationLine(path)
        {
            Answer = isObject ? null : result.Text,
            Object = isObject ? JsonElement.Parse(result.Text) : null,
            FinishReason = result.FinishReason == Tessera.FinishReason.Stop ? "stop" : "length",
            PromptTokens = result.PromptTokenCount,
            ImageTokens = result.ImageTokenCount,
            CompletionTokens = result.TokenIds.Count,
            Timings = LineTimings.Of(result.Timings),
        };
    }

    /// <summary>The line of a failure.</summary>
    public static AnnotationLine Failed(string path, string error) => new(path) { Error = error };

    /// <summary>The line as JSON in UTF-8, without a line end.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, AnnotationJson.Readable.AnnotationLine);

    /// <summary>Reads a line.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static AnnotationLine FromJson(ReadOnlySpan<byte> json)
    {
        AnnotationLine line = JsonSerializer.Deserialize(json, AnnotationJson.Readable.AnnotationLine) ?? throw new JsonException();
        return line.Path is null ? throw new JsonException("The line has no path.") : line;
    }
}

/// <summary>What each stage of a line's answer took, in milliseconds. Several pictures share the processors, so the stages of one last
/// longer than they would alone.</summary>
public sealed record LineTimings(double PreprocessMs, double EncodeMs, double PrefillMs, double FirstTokenMs, double DecodeMs)
{
    internal static LineTimings Of(GenerationTimings timings)
    {
        return new LineTimings(
            Round(timings.PreprocessMs),
            Round(timings.EncodeMs),
            Round(timings.PrefillMs),
            Round(timings.FirstTokenMs),
            Round(timings.DecodeMs)
        );
        static double Round(double milliseconds) => Math.Round(milliseconds, 3);
    }
}

/// <summary>The lines' JSON; its names are a contract.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(AnnotationLine))]
internal sealed partial class AnnotationJson : JsonSerializerContext
{
    public static readonly AnnotationJson Readable = new(
        new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }
    );
}
