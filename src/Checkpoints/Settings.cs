using System.Text.Json;

namespace Tessera.Checkpoints;

/// <summary>A JSON object of a checkpoint, such as config.json. Every failure names the file and the key.</summary>
internal sealed class Settings(string path, JsonElement root, string prefix = "")
{
    /// <summary>The most layers, heads, widths and the like that any value may be: what keeps products of three within 64 bits.</summary>
    private const long MaxCount = 1 << 20;

    /// <summary>The file.</summary>
    public string Path => path;

    /// <summary>The object itself.</summary>
    public JsonElement Root => root;

    /// <summary>Whether the key is there and not null.</summary>
    public bool Has(string key) => TryGet(key, out _);

    public bool TryGet(string key, out JsonElement value)
    {
        if (root.TryGetProperty(key, out value) && value.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined))
            return true;
        value = default;
        return false;
    }

    /// <summary>An object inside; null if it is not there.</summary>
    public Settings? Child(string key)
    {
        if (!TryGet(key, out JsonElement value))
            return null;
        return value.ValueKind == JsonValueKind.Object ? new Settings(path, value, $"{prefix}{key}.") : throw Wrong(key, "an object");
    }

    /// <summary>The first of the keys that is there, as a count; null if none is.</summary>
    /// <exception cref="CheckpointException">It is no whole number, negative, or beyond what a model can have.</exception>
    public long? TryCount(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
        {
            if (!TryGet(key, out JsonElement value))
                continue;
            if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0)
                value = value[0];
            if (value.ValueKind != JsonValueKind.Number || !TryWhole(value, out long count))
                throw Wrong(key, "a whole number");
            return count is >= 0 and <= int.MaxValue
                ? count
                : throw new CheckpointException(path, $"{prefix}{key} is {count}, which no model has.");
        }

        return null;
    }

    /// <summary>As <see cref="TryCount"/>, for a size that must be there and be at least 1.</summary>
    public long Size(params ReadOnlySpan<string> keys)
    {
        long size = TryCount(keys) ?? throw new CheckpointException(path, $"{prefix}{keys[0]} is missing.");
        return size is > 0 and <= MaxCount * 16
            ? size
            : throw new CheckpointException(path, $"{prefix}{keys[0]} is {size}, which no model has.");
    }

    /// <summary>The first of the keys that is there, as a number; null if none is.</summary>
    public double? TryNumber(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
        {
            if (!TryGet(key, out JsonElement value))
                continue;
            if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number))
                return number;
            throw Wrong(key, "a number");
        }

        return null;
    }

    /// <summary>As <see cref="TryNumber"/>, for one that must be there.</summary>
    public double Number(string key) => TryNumber(key) ?? throw new CheckpointException(path, $"{prefix}{key} is missing.");

    public string? TryText(string key) =>
        TryGet(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public bool? TryFlag(string key) =>
        TryGet(key, out JsonElement value)
            ? value.ValueKind switch
            {
                JsonValueKind.True => true,
                JsonValueKind.False => false,
                _ => null,
            }
            : null;

    /// <summary>An array of numbers, also of arrays of them, one behind the other; null if it is not there.</summary>
    public double[]? TryNumbers(string key)
    {
        if (!TryGet(key, out JsonElement value))
            return null;
        var numbers = new List<double>();
        return value.ValueKind == JsonValueKind.Array && Collect(value, numbers, 0)
            ? [.. numbers]
            : throw Wrong(key, "an array of numbers");
    }

    /// <summary>The text entries of an array; empty if it is not there.</summary>
    public string[] Texts(string key) =>
        TryGet(key, out JsonElement value) && value.ValueKind == JsonValueKind.Array
            ?
            [
                .. value
                    .EnumerateArray()
                    .Where(static item => item.ValueKind == JsonValueKind.String)
                    .Select(static item => item.GetString()!),
            ]
            : [];

    /// <summary>The failure of a key that is of another kind.</summary>
    public CheckpointException Wrong(string key, string expected) => new(path, $"{prefix}{key} is not {expected}.");

    /// <summary>This object's keys before another's, as where a language model's settings lie inside a whole model's.</summary>
    public static Settings Merge(Settings first, Settings? second)
    {
        if (second is null)
            return first;
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            var written = new HashSet<string>(StringComparer.Ordinal);
            foreach (JsonProperty property in first.Root.EnumerateObject().Concat(second.Root.EnumerateObject()))
                if (written.Add(property.Name))
                    property.WriteTo(writer);
            writer.WriteEndObject();
        }

        return new Settings(first.Path, JsonDocument.Parse(buffer.ToArray(), new JsonDocumentOptions { MaxDepth = 128 }).RootElement);
    }

    /// <summary>This object with another object under a key, whatever was there.</summary>
    public Settings With(string key, Settings value)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WritePropertyName(key);
            value.Root.WriteTo(writer);
            foreach (JsonProperty property in root.EnumerateObject().Where(property => property.Name != key))
                property.WriteTo(writer);
            writer.WriteEndObject();
        }

        return new Settings(path, JsonDocument.Parse(buffer.ToArray(), new JsonDocumentOptions { MaxDepth = 128 }).RootElement, prefix);
    }

    private static bool TryWhole(JsonElement value, out long count)
    {
        if (value.TryGetInt64(out count))
            return true;
        if (!value.TryGetDouble(out double number) || number != Math.Truncate(number) || Math.Abs(number) > 1e15)
            return false;
        count = (long)number;
        return true;
    }

    private static bool Collect(JsonElement array, List<double> numbers, int depth)
    {
        foreach (JsonElement item in array.EnumerateArray())
        {
            if (item.ValueKind == JsonValueKind.Array && depth < 4 && Collect(item, numbers, depth + 1))
                continue;
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetDouble(out double number))
                return false;
            numbers.Add(number);
        }

        return true;
    }
}
