using System.Collections.Immutable;
using Tessera.Shared;

namespace Tessera.Gguf;

/// <summary>
/// Collects metadata and tensors and writes them as a GGUF file, version 3, little endian, the tensors in the order in which
/// they were added and without gaps, as llama.cpp v0.5.0 wants them.
/// </summary>
public sealed class GgufWriter
{
    private readonly OrderedDictionary<string, GgufValue> metadata = new(StringComparer.Ordinal);
    private readonly OrderedDictionary<string, PendingTensor> tensors = new(StringComparer.Ordinal);

    /// <summary>Begins an empty file.</summary>
    /// <param name="alignment">The alignment of tensor data in bytes, a power of two; written to the metadata unless it is 32.</param>
    /// <exception cref="ArgumentOutOfRangeException">The alignment is not a power of two.</exception>
    public GgufWriter(int alignment = GgufHeader.DefaultAlignment)
    {
        if (!GgufHeader.IsAlignment(alignment))
            throw new ArgumentOutOfRangeException(nameof(alignment), alignment, "The alignment is not a power of two.");
        Alignment = alignment;
        if (alignment != GgufHeader.DefaultAlignment)
            metadata.Add(GgufHeader.AlignmentKey, GgufValue.From((uint)alignment));
    }

    /// <summary>The alignment of tensor data in bytes.</summary>
    public int Alignment { get; }

    /// <summary>Adds a metadata entry.</summary>
    /// <exception cref="ArgumentException">The key is empty, too long, or there already, or sets another alignment than the
    /// constructor.</exception>
    public void AddMetadata(string key, GgufValue value)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(value);
        if (GgufText.StrictUtf8.GetByteCount(key) > GgufMetadataReader.MaxKeyByteLength)
            throw new ArgumentException($"The key is longer than {GgufMetadataReader.MaxKeyByteLength} bytes.", nameof(key));
        if (key == GgufHeader.AlignmentKey)
            RemoveSameAlignment(value);
        if (!metadata.TryAdd(key, value))
            throw new ArgumentException($"The key {key} is there already.", nameof(key));
    }

    /// <summary>Adds a metadata entry that is not an array; its kind follows from the .NET type.</summary>
    /// <exception cref="ArgumentException">As above, or GGUF has no kind for the type.</exception>
    public void AddMetadata<T>(string key, T value)
        where T : notnull
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        AddMetadata(key, GgufValue.From(value));
    }

    /// <summary>Exchanges an entry's value for one whose stored form is as long, so that a header already written can be written
    /// over.</summary>
    internal void ReplaceMetadata(string key, GgufValue value) => metadata[key] = value;

    /// <summary>Adds a tensor with a copy of its data.</summary>
    /// <param name="name">A name of at most 63 bytes.</param>
    /// <param name="type">How the data is stored.</param>
    /// <param name="shape">One to four lengths in elements, the fastest varying dimension first.</param>
    /// <param name="data">The stored bytes, as many as type and shape need.</param>
    /// <exception cref="ArgumentException">The name is empty, too long or there already, the shape is impossible, or the
    /// data is of the wrong length.</exception>
    public void AddTensor(string name, GgufTensorType type, ReadOnlySpan<long> shape, ReadOnlySpan<byte> data)
    {
        long byteLength = Measure(name, type, shape);
        if (data.Length != byteLength)
            throw new ArgumentException($"The tensor {name} takes {byteLength} bytes, not {data.Length}.", nameof(data));
        byte[] copy = data.ToArray();
        tensors.Add(name, new PendingTensor(name, type, [.. shape], byteLength, stream => stream.Write(copy)));
    }

    /// <summary>Adds a tensor whose data is written when the file is saved, so that it need not be in memory.</summary>
    /// <param name="name">A name of at most 63 bytes.</param>
    /// <param name="type">How the data is stored.</param>
    /// <param name="shape">One to four lengths in elements, the fastest varying dimension first.</param>
    /// <param name="writeData">Writes the stored bytes, exactly as many as type and shape need.</param>
    /// <exception cref="ArgumentException">The name is empty, too long or there already, or the shape is impossible.</exception>
    public void AddTensor(string name, GgufTensorType type, ReadOnlySpan<long> shape, Action<Stream> writeData)
    {
        ArgumentNullException.ThrowIfNull(writeData);
        tensors.Add(name, new PendingTensor(name, type, [.. shape], Measure(name, type, shape), writeData));
    }

    /// <summary>Writes the file under another name beside the path and then renames it, so that the path never holds half a file.</summary>
    /// <exception cref="ModelFileException">The file cannot be written.</exception>
    /// <exception cref="InvalidOperationException">A callback wrote too few or too many bytes.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            WholeFile.Write(path, Write);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new ModelFileException(path, $"the file cannot be written: {exception.Message}", exception);
        }
    }

    /// <summary>Writes everything before the tensor data, and returns its length in bytes without the padding behind it.</summary>
    internal long WriteHeader(Stream stream) => GgufHeaderWriter.Write(stream, metadata, tensors.Values, Alignment);

    /// <summary>Writes the file to a stream, which needs neither to seek nor to be empty.</summary>
    /// <exception cref="InvalidOperationException">A callback wrote too few or too many bytes.</exception>
    internal void Write(Stream stream)
    {
        long position = WriteHeader(stream);
        WritePadding(stream, position);
        foreach (PendingTensor tensor in tensors.Values)
        {
            var bounded = new ExactLengthStream(stream, tensor.ByteLength);
            tensor.WriteData(bounded);
            if (bounded.Remaining != 0)
                throw new InvalidOperationException($"The data of the tensor {tensor.Name} is {bounded.Remaining} bytes short.");
            WritePadding(stream, tensor.ByteLength);
        }
    }

    // Copying all metadata of another file is common, so the same alignment again is no mistake: it takes its place in the order.
    private void RemoveSameAlignment(GgufValue value)
    {
        if (!value.IsScalar() || !value.TryGetInteger(0, out Int128 alignment) || alignment != Alignment)
            throw new ArgumentException($"The alignment is {Alignment}, as given to the constructor, and not {value}.", nameof(value));
        metadata.Remove(GgufHeader.AlignmentKey);
    }

    private long Measure(string name, GgufTensorType type, ReadOnlySpan<long> shape)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (GgufText.StrictUtf8.GetByteCount(name) > GgufTensorTableReader.MaxNameByteLength)
            throw new ArgumentException($"The name {name} is longer than {GgufTensorTableReader.MaxNameByteLength} bytes.", nameof(name));
        if (tensors.ContainsKey(name))
            throw new ArgumentException($"The tensor {name} is there already.", nameof(name));
        return GgufTensorTypes.TryMeasure(type, shape, out _, out long byteLength, out string? problem)
            ? byteLength
            : throw new ArgumentException($"The tensor {name} {problem}.", nameof(shape));
    }

    private void WritePadding(Stream stream, long position)
    {
        Span<byte> zeros = stackalloc byte[256];
        zeros.Clear();
        for (long missing = GgufHeader.Align(position, Alignment) - position; missing > 0; missing -= Math.Min(missing, zeros.Length))
            stream.Write(zeros[..(int)Math.Min(missing, zeros.Length)]);
    }
}

/// <summary>A tensor that waits to be written.</summary>
internal sealed record PendingTensor(
    string Name,
    GgufTensorType Type,
    ImmutableArray<long> Shape,
    long ByteLength,
    Action<Stream> WriteData
);
