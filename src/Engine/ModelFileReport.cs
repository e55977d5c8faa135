using System.Text.Json.Nodes;
using Tessera.Gguf;

namespace Tessera;

/// <summary>One metadata entry of a model file.</summary>
/// <param name="Key">Its key, such as <c>clip.vision.image_size</c>.</param>
/// <param name="Kind">Its type in words, such as <c>uint32</c> or <c>array of string</c>.</param>
/// <param name="Count">Number of elements of an array; otherwise 1.</param>
/// <param name="Text">The value for people; of a long array the first elements.</param>
/// <param name="Value">The whole value; numbers that JSON cannot hold are strings.</param>
public sealed record MetadataEntry(string Key, string Kind, int Count, string Text, JsonNode? Value);

/// <summary>One tensor of a model file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type, such as <c>F16</c> or <c>Q8_0</c>.</param>
/// <param name="Shape">Its dimensions, fastest first.</param>
/// <param name="Offset">Where its data begins in the file, in bytes.</param>
/// <param name="ByteLength">Length of its data in bytes.</param>
public sealed record TensorEntry(string Name, string Type, IReadOnlyList<long> Shape, long Offset, long ByteLength);

/// <summary>What a GGUF file says of itself. Tensor data is not read.</summary>
/// <param name="Path">The file.</param>
/// <param name="Version">Version of the format.</param>
/// <param name="Alignment">Alignment of tensor data, in bytes.</param>
/// <param name="Metadata">The entries in the file's order.</param>
/// <param name="Tensors">The tensors in the file's order.</param>
public sealed record ModelFileReport(
    string Path,
    uint Version,
    int Alignment,
    IReadOnlyList<MetadataEntry> Metadata,
    IReadOnlyList<TensorEntry> Tensors
)
{
    /// <summary>Reads a file's header.</summary>
    /// <exception cref="ModelFileException">It is no GGUF file, or damaged.</exception>
    public static ModelFileReport Read(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        return new ModelFileReport(
            path,
            file.Version,
            file.Alignment,
            [
                .. file.Metadata.Select(static entry => new MetadataEntry(
                    entry.Key,
                    entry.Value.Kind,
                    entry.Value.Count,
                    entry.Value.ToString(),
                    ToJson(entry.Value)
                )),
            ],
            [
                .. file.Tensors.Select(static tensor => new TensorEntry(
                    tensor.Name,
                    tensor.Type.ToString(),
                    tensor.Shape,
                    tensor.DataOffset,
                    tensor.ByteLength
                )),
            ]
        );
    }

    private static JsonNode? ToJson(GgufValue value)
    {
        if (value.Type != GgufValueType.Array)
            return ToJson(value, 0);
        if (value.TryGetArray(out ReadOnlyMemory<GgufValue> nested))
            return new JsonArray([.. nested.ToArray().Select(ToJson)]);
        return new JsonArray([.. Enumerable.Range(0, value.Count).Select(index => ToJson(value, index))]);
    }

    private static JsonValue? ToJson(GgufValue value, int index)
    {
        if (value.TryGetInteger(index, out Int128 integer))
            return integer < 0 ? JsonValue.Create((long)integer) : JsonValue.Create((ulong)integer);
        if (value.TryGetReal(index, out double real))
            return double.IsFinite(real)
                ? ToJsonNumber(value, real)
                : JsonValue.Create(real.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (value.TryGet(out bool truth))
            return JsonValue.Create(truth);
        if (value.TryGet(out string? text))
            return JsonValue.Create(text);
        if (value.TryGetArray(out ReadOnlyMemory<string> texts))
            return JsonValue.Create(texts.Span[index]);
        return value.TryGetArray(out ReadOnlyMemory<bool> truths) ? JsonValue.Create(truths.Span[index]) : null;
    }

    // A float32 is written with the digits it has, not those of its float64 neighbour.
    private static JsonValue ToJsonNumber(GgufValue value, double real) =>
        value.ElementType == GgufValueType.Float32 ? JsonValue.Create((float)real) : JsonValue.Create(real);
}
