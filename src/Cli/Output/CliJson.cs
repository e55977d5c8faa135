using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Tessera.Server.Look;

namespace Tessera.Cli.Output;

/// <summary>The JSON documents of the command line; their names are a contract.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = false)]
[JsonSerializable(typeof(AskDocument))]
[JsonSerializable(typeof(AnnotateDocument))]
[JsonSerializable(typeof(WorkDocument))]
[JsonSerializable(typeof(PieceDocument))]
[JsonSerializable(typeof(LookDocument))]
[JsonSerializable(typeof(InspectDocument))]
[JsonSerializable(typeof(EncodeDocument))]
[JsonSerializable(typeof(MatchDocument))]
[JsonSerializable(typeof(BenchDocument))]
[JsonSerializable(typeof(ConvertDocument))]
[JsonSerializable(typeof(QuantizeDocument))]
[JsonSerializable(typeof(ImatrixDocument))]
[JsonSerializable(typeof(IReadOnlyList<ModelDocument>))]
[JsonSerializable(typeof(PullDocument))]
[JsonSerializable(typeof(FitDocument))]
[JsonSerializable(typeof(ServeDocument))]
[JsonSerializable(typeof(IReadOnlyList<DeviceDocument>))]
[JsonSerializable(typeof(ErrorDocument))]
internal sealed partial class CliJson : JsonSerializerContext
{
    private static readonly CliJson Readable = new(
        new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }
    );

    /// <summary>Reads a document that <see cref="Write"/> wrote.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static T Read<T>(Stream input) =>
        JsonSerializer.Deserialize(input, (JsonTypeInfo<T>)Readable.GetTypeInfo(typeof(T))!) ?? throw new JsonException();

    /// <summary>A time as documents show it: to the microsecond.</summary>
    public static double Milliseconds(double value) => Math.Round(value, 3);

    /// <summary>Writes one document on one line.</summary>
    public static void Write<T>(TextWriter output, T document)
    {
        var type = (JsonTypeInfo<T>)Readable.GetTypeInfo(typeof(T))!;
        output.WriteLine(JsonSerializer.Serialize(document, type));
    }
}

internal sealed record AskDocument(
    string Text,
    string FinishReason,
    int PromptTokens,
    int ImageTokens,
    int CompletionTokens,
    IReadOnlyList<int> TokenIds,
    TimingsDocument Timings
)
{
    /// <summary>Places in the picture that the answer names; left out where there are none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<RegionDocument>? Regions { get; init; }
}

/// <summary>A place in a picture: a box as left, top, right and bottom, or a point as x and y, in pixels of the original.</summary>
internal sealed record RegionDocument(string Label, int Image)
{
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? Box { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<double>? Point { get; init; }

    public static RegionDocument Of(GroundedRegion region)
    {
        double[] edges = [.. ((double[])[region.Left, region.Top, region.Right, region.Bottom]).Select(static edge => Math.Round(edge, 2))];
        return region.Kind == RegionKind.Box
            ? new RegionDocument(region.Label, region.ImageIndex) { Box = edges }
            : new RegionDocument(region.Label, region.ImageIndex) { Point = edges[..2] };
    }
}

/// <summary>A piece of an answer, as it comes.</summary>
internal sealed record PieceDocument(string Text);

/// <summary>What stands on standard output in the place of a result that cannot be had.</summary>
internal sealed record ErrorDocument(ErrorDetail Error);

internal sealed record ErrorDetail(string Message, string Kind);

internal sealed record TimingsDocument(
    double LoadMs,
    double PreprocessMs,
    double EncodeMs,
    double PrefillMs,
    double FirstTokenMs,
    double DecodeMs
);

internal sealed record EncodeDocument(string Out, string Stage, IReadOnlyList<long> Shape, double PreprocessMs, double EncodeMs);

internal sealed record MatchDocument(IReadOnlyList<MatchEntry> Matches);

// The logits are those of no match and of a match.
internal sealed record MatchEntry(string Image, string Text, double Probability, float Cosine, IReadOnlyList<float> Logits);

internal sealed record DeviceDocument(string Name, string Description, string Kind, long FreeBytes, long TotalBytes);

internal sealed record ConvertDocument(string Model, string? Mmproj, string Family, string Architecture, int Tensors, long Bytes);

internal sealed record InspectDocument(
    string File,
    uint Version,
    int Alignment,
    JsonObject Metadata,
    IReadOnlyList<TensorDocument> Tensors
);

internal sealed record TensorDocument(string Name, string Type, IReadOnlyList<long> Shape, long Offset, long Bytes);

/// <summary>What was measured; 0 threads stand for as many as pay.</summary>
internal sealed record BenchDocument(
    string Model,
    string Projector,
    string Device,
    IReadOnlyList<string>? Kernels,
    string Picture,
    int Slices,
    int ImageTokens,
    int Threads,
    IReadOnlyList<BenchRow> Rows
);

/// <summary>One measurement: the median of its repeats, the least and the most.</summary>
internal sealed record BenchRow(string What, string Unit, double Median, double Least, double Most);

/// <summary>A run over many pictures: those that it asked about, the lines of errors in the file, and the lines that were there
/// before.</summary>
internal sealed record AnnotateDocument(string Out, int Pictures, int Failed, int Resumed, double Seconds);

/// <summary>What a worker did: pictures, and those among them whose lines say why there is no answer.</summary>
internal sealed record WorkDocument(int Pictures, int Failed, double Seconds);

/// <summary>A server that answers: where, and under which names.</summary>
internal sealed record ServeDocument(IReadOnlyList<string> Addresses, IReadOnlyList<string> Models);
