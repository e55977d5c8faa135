using Tessera.Gguf;

namespace Tessera.Checkpoints.Output;

/// <summary>The metadata of a file to be made. A key that is set again keeps its place and takes the later value.</summary>
internal sealed class Metadata
{
    private readonly OrderedDictionary<string, GgufValue> entries = new(StringComparer.Ordinal);

    /// <summary>The entries, in the order in which they were first set.</summary>
    public IReadOnlyDictionary<string, GgufValue> Entries => entries;

    public void Set(string key, GgufValue value) => entries[key] = value;

    public void Set(string key, string value) => entries[key] = GgufValue.From(value);

    public void Set(string key, bool value) => entries[key] = GgufValue.From(value);

    /// <summary>A count, as 32 bits without a sign.</summary>
    public void Set(string key, long value) => entries[key] = GgufValue.From(checked((uint)value));

    /// <summary>A number, in single precision.</summary>
    public void Set(string key, double value) => entries[key] = GgufValue.From((float)value);

    public void Set(string key, ReadOnlySpan<string> values) => entries[key] = GgufValue.FromArray(values);

    public void Set(string key, ReadOnlySpan<int> values) => entries[key] = GgufValue.FromArray(values);

    public void Set(string key, ReadOnlySpan<float> values) => entries[key] = GgufValue.FromArray(values);

    public void Set(string key, ReadOnlySpan<byte> values) => entries[key] = GgufValue.FromArray(values);

    /// <summary>Takes an entry away.</summary>
    public void Remove(string key) => entries.Remove(key);

    /// <summary>Sets what is there, nothing for null.</summary>
    public void SetIfKnown(string key, long? value)
    {
        if (value is long known)
            Set(key, known);
    }

    /// <inheritdoc cref="SetIfKnown(string, long?)"/>
    public void SetIfKnown(string key, double? value)
    {
        if (value is double known)
            Set(key, known);
    }

    /// <inheritdoc cref="SetIfKnown(string, long?)"/>
    public void SetIfKnown(string key, string? value)
    {
        if (value is not null)
            Set(key, value);
    }
}
