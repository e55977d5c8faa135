using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Tessera.Gguf;

/// <summary>
/// A file's metadata in the order of the file. The typed accessors convert where nothing is lost and otherwise say, in a
/// <see cref="ModelFileException"/>, which key is missing or is of the wrong kind.
/// </summary>
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "Metadata is what GGUF calls it.")]
public sealed class GgufMetadata : IReadOnlyDictionary<string, GgufValue>
{
    private readonly string path;
    private readonly OrderedDictionary<string, GgufValue> entries;

    internal GgufMetadata(string path, OrderedDictionary<string, GgufValue> entries)
    {
        this.path = path;
        this.entries = entries;
    }

    /// <inheritdoc/>
    public int Count => entries.Count;

    /// <inheritdoc/>
    public IEnumerable<string> Keys => entries.Keys;

    /// <inheritdoc/>
    public IEnumerable<GgufValue> Values => entries.Values;

    /// <inheritdoc/>
    public GgufValue this[string key]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(key);
            return entries[key];
        }
    }

    /// <inheritdoc/>
    public bool ContainsKey(string key) => TryGetValue(key, out _);

    /// <inheritdoc/>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out GgufValue value)
    {
        ArgumentNullException.ThrowIfNull(key);
        return entries.TryGetValue(key, out value);
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, GgufValue>> GetEnumerator() => entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Gives a text; false if the key is missing.</summary>
    /// <exception cref="ModelFileException">The key is of another kind.</exception>
    public bool TryGetString(string key, [NotNullWhen(true)] out string? value)
    {
        value = null;
        if (!TryGetValue(key, out GgufValue? found))
            return false;
        return found.TryGet(out value) ? true : throw WrongKind(key, found, "a string");
    }

    /// <summary>Gives an integer of any kind that fits 32 bits unsigned; false if the key is missing.</summary>
    /// <exception cref="ModelFileException">The key is of another kind, or the number does not fit.</exception>
    public bool TryGetUInt32(string key, out uint value)
    {
        value = 0;
        if (!TryGetValue(key, out GgufValue? found))
            return false;
        if (!found.IsScalar() || !found.TryGetInteger(0, out Int128 number))
            throw WrongKind(key, found, "an integer");
        if (number < uint.MinValue || number > uint.MaxValue)
            throw DoesNotFit(key, found, "an unsigned 32-bit integer");
        value = (uint)number;
        return true;
    }

    /// <summary>Gives a floating-point number as a single; false if the key is missing.</summary>
    /// <exception cref="ModelFileException">The key is of another kind, or the number is beyond the range of a single.</exception>
    public bool TryGetSingle(string key, out float value)
    {
        value = 0;
        if (!TryGetValue(key, out GgufValue? found))
            return false;
        if (!found.IsScalar() || !found.TryGetReal(0, out double number))
            throw WrongKind(key, found, "a floating-point number");
        value = ToSingle(key, found, number);
        return true;
    }

    /// <summary>Gives a truth value; false if the key is missing.</summary>
    /// <exception cref="ModelFileException">The key is of another kind.</exception>
    public bool TryGetBoolean(string key, out bool value)
    {
        value = false;
        if (!TryGetValue(key, out GgufValue? found))
            return false;
        return found.TryGet(out value) ? true : throw WrongKind(key, found, "a bool");
    }

    /// <summary>Gives a copy of an array of integers of any kind that each fit 32 bits signed; false if the key is missing.</summary>
    /// <exception cref="ModelFileException">The key is of another kind, or a number does not fit.</exception>
    public bool TryGetInt32Array(string key, [NotNullWhen(true)] out int[]? value)
    {
        value = null;
        if (!TryGetValue(key, out GgufValue? found))
            return false;
        value = found.TryGetArray(out ReadOnlyMemory<int> exact) ? exact.ToArray() : ConvertIntegers(key, found);
        return true;
    }

    /// <summary>Gives a copy of an array of floating-point numbers as singles; false if the key is missing.</summary>
    /// <exception cref="ModelFileException">The key is of another kind, or a number is beyond the range of a single.</exception>
    public bool TryGetSingleArray(string key, [NotNullWhen(true)] out float[]? value)
    {
        value = null;
        if (!TryGetValue(key, out GgufValue? found))
            return false;
        if (found.TryGetArray(out ReadOnlyMemory<float> exact))
            value = exact.ToArray();
        else if (found.TryGetArray(out ReadOnlyMemory<double> wide))
            value = Array.ConvertAll(wide.ToArray(), x => ToSingle(key, found, x));
        else
            throw WrongKind(key, found, "an array of floating-point numbers");
        return true;
    }

    /// <summary>Gives a copy of an array of texts; false if the key is missing.</summary>
    /// <exception cref="ModelFileException">The key is of another kind.</exception>
    public bool TryGetStringArray(string key, [NotNullWhen(true)] out string[]? value)
    {
        value = null;
        if (!TryGetValue(key, out GgufValue? found))
            return false;
        if (!found.TryGetArray(out ReadOnlyMemory<string> exact))
            throw WrongKind(key, found, "an array of strings");
        value = exact.ToArray();
        return true;
    }

    /// <summary>As <see cref="TryGetString"/>, for a key that must be there.</summary>
    /// <exception cref="ModelFileException">The key is missing or of another kind.</exception>
    public string RequireString(string key) => TryGetString(key, out string? value) ? value : throw Missing(key);

    /// <summary>As <see cref="TryGetUInt32"/>, for a key that must be there.</summary>
    /// <exception cref="ModelFileException">The key is missing, of another kind, or does not fit.</exception>
    public uint RequireUInt32(string key) => TryGetUInt32(key, out uint value) ? value : throw Missing(key);

    /// <summary>As <see cref="TryGetSingle"/>, for a key that must be there.</summary>
    /// <exception cref="ModelFileException">The key is missing, of another kind, or does not fit.</exception>
    public float RequireSingle(string key) => TryGetSingle(key, out float value) ? value : throw Missing(key);

    /// <summary>As <see cref="TryGetBoolean"/>, for a key that must be there.</summary>
    /// <exception cref="ModelFileException">The key is missing or of another kind.</exception>
    public bool RequireBoolean(string key) => TryGetBoolean(key, out bool value) ? value : throw Missing(key);

    /// <summary>As <see cref="TryGetInt32Array"/>, for a key that must be there.</summary>
    /// <exception cref="ModelFileException">The key is missing, of another kind, or does not fit.</exception>
    public int[] RequireInt32Array(string key) => TryGetInt32Array(key, out int[]? value) ? value : throw Missing(key);

    /// <summary>As <see cref="TryGetSingleArray"/>, for a key that must be there.</summary>
    /// <exception cref="ModelFileException">The key is missing, of another kind, or does not fit.</exception>
    public float[] RequireSingleArray(string key) => TryGetSingleArray(key, out float[]? value) ? value : throw Missing(key);

    /// <summary>As <see cref="TryGetStringArray"/>, for a key that must be there.</summary>
    /// <exception cref="ModelFileException">The key is missing or of another kind.</exception>
    public string[] RequireStringArray(string key) => TryGetStringArray(key, out string[]? value) ? value : throw Missing(key);

    private int[] ConvertIntegers(string key, GgufValue found)
    {
        if (found.IsScalar() || !found.ElementType.IsInteger())
            throw WrongKind(key, found, "an array of integers");
        var converted = new int[found.Count];
        for (int i = 0; i < converted.Length; i++)
        {
            found.TryGetInteger(i, out Int128 number);
            if (number < int.MinValue || number > int.MaxValue)
                throw DoesNotFit(key, found, "signed 32-bit integers");
            converted[i] = (int)number;
        }
        return converted;
    }

    private float ToSingle(string key, GgufValue found, double number)
    {
        float single = (float)number;
        return float.IsInfinity(single) && double.IsFinite(number) ? throw DoesNotFit(key, found, "single precision") : single;
    }

    private ModelFileException Missing(string key) => new(path, $"the metadata key {GgufText.Quote(key)} is missing.");

    private ModelFileException WrongKind(string key, GgufValue found, string expected) =>
        new(path, $"the metadata key {GgufText.Quote(key)} is of kind {found.Kind}, but {expected} is expected.");

    private ModelFileException DoesNotFit(string key, GgufValue found, string expected) =>
        new(path, $"the metadata key {GgufText.Quote(key)} holds {found}, which does not fit {expected}.");
}
