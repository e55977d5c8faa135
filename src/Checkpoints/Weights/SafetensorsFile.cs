using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Unicode;

namespace Tessera.Checkpoints.Weights;

/// <summary>
/// The header of a safetensors file: eight bytes of length, JSON, then the data without gaps. Source: huggingface/safetensors v0.7,
/// README.md (format) and safetensors/src/tensor.rs (what is refused).
/// </summary>
internal static class SafetensorsFile
{
    // The format's own limit.
    private const long MaxHeaderByteLength = 100_000_000;

    /// <summary>Reads and checks the header.</summary>
    /// <exception cref="CheckpointException">The file is damaged or no safetensors file.</exception>
    public static IReadOnlyList<StoredTensor> Read(WeightFile file)
    {
        if (file.ByteLength < 10)
            throw Damaged(file, "it is too short");
        Span<byte> prefix = stackalloc byte[40];
        prefix = prefix[..(int)Math.Min(prefix.Length, file.ByteLength)];
        file.Read(0, prefix);
        if (prefix.StartsWith("version https://git-lfs"u8))
            throw new CheckpointException(file.Path, "this is a Git LFS pointer; fetch the file itself with 'git lfs pull'.");
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > (ulong)(file.ByteLength - 8) || length > MaxHeaderByteLength)
            throw Damaged(file, $"it claims a header of {length} bytes");
        byte[] header = new byte[length];
        file.Read(8, header);
        if (!Utf8.IsValid(header))
            throw Damaged(file, "its header is not valid UTF-8");
        try
        {
            return Parse(file, JsonDocument.Parse(header).RootElement, 8 + (long)length);
        }
        catch (JsonException failure)
        {
            throw new CheckpointException(file.Path, "the file is damaged or no safetensors file: its header is not valid JSON.", failure);
        }
    }

    private static List<StoredTensor> Parse(WeightFile file, JsonElement header, long dataStart)
    {
        if (header.ValueKind != JsonValueKind.Object)
            throw Damaged(file, "its header is no JSON object");
        var tensors = new List<StoredTensor>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (JsonProperty entry in header.EnumerateObject())
        {
            if (entry.Name == "__metadata__")
                continue;
            if (!names.Add(entry.Name))
                throw Damaged(file, $"tensor '{CheckpointFolder.Shown(entry.Name)}' occurs twice");
            tensors.Add(ParseEntry(file, entry, dataStart));
        }

        RequireDisjoint(file, tensors, dataStart);
        return tensors;
    }

    private static StoredTensor ParseEntry(WeightFile file, JsonProperty entry, long dataStart)
    {
        string name = CheckpointFolder.Shown(entry.Name);
        if (
            entry.Value.ValueKind != JsonValueKind.Object
            || !entry.Value.TryGetProperty("dtype", out JsonElement type)
            || type.ValueKind != JsonValueKind.String
            || !TryLongs(entry.Value, "shape", out ImmutableArray<long> shape)
            || shape.Length > 8
            || !TryLongs(entry.Value, "data_offsets", out ImmutableArray<long> offsets)
            || offsets.Length != 2
        )
            throw Damaged(file, $"the entry of tensor '{name}' is not as the format says");
        long available = file.ByteLength - dataStart;
        if (offsets[0] > offsets[1] || offsets[1] > available)
            throw Damaged(
                file,
                $"tensor '{name}' lies at {offsets[0]} to {offsets[1]}, but the file holds only {available} bytes of data; it was not "
                    + "copied to its end"
            );
        (ElementType kind, int byteLength) = TypeOf(type.GetString()!);
        Int128 needed = byteLength;
        foreach (long size in shape)
            needed = needed <= available ? needed * size : throw Damaged(file, $"tensor '{name}' has a shape that its data cannot fill");
        if (byteLength > 0 && needed != offsets[1] - offsets[0])
            throw Damaged(file, $"tensor '{name}' needs {needed} bytes for its shape, but has {offsets[1] - offsets[0]}");
        return new StoredTensor(file, entry.Name, type.GetString()!, kind, shape, dataStart + offsets[0]);
    }

    private static bool TryLongs(JsonElement entry, string key, out ImmutableArray<long> values)
    {
        values = [];
        if (!entry.TryGetProperty(key, out JsonElement array) || array.ValueKind != JsonValueKind.Array || array.GetArrayLength() > 64)
            return false;
        foreach (JsonElement item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out long value) || value < 0)
                return false;
            values = values.Add(value);
        }

        return true;
    }

    private static (ElementType Type, int ByteLength) TypeOf(string name) =>
        name switch
        {
            "F32" => (ElementType.F32, 4),
            "F16" => (ElementType.F16, 2),
            "BF16" => (ElementType.BF16, 2),
            "F64" or "I64" or "U64" => (ElementType.Other, 8),
            "I32" or "U32" => (ElementType.Other, 4),
            "I16" or "U16" => (ElementType.Other, 2),
            "I8" or "U8" or "BOOL" or "F8_E4M3" or "F8_E5M2" => (ElementType.Other, 1),
            _ => (ElementType.Other, 0),
        };

    private static void RequireDisjoint(WeightFile file, List<StoredTensor> tensors, long dataStart)
    {
        long end = dataStart;
        foreach (StoredTensor tensor in tensors.Where(static tensor => tensor.ElementCount > 0).OrderBy(static tensor => tensor.Offset))
        {
            if (tensor.Offset < end)
                throw Damaged(file, $"tensor '{CheckpointFolder.Shown(tensor.Name)}' lies over another");
            end = tensor.Offset + tensor.ElementCount * Math.Max(1, TypeOf(tensor.TypeName).ByteLength);
        }
    }

    private static CheckpointException Damaged(WeightFile file, string problem) =>
        new(file.Path, $"the file is damaged or no safetensors file: {problem}.");
}
