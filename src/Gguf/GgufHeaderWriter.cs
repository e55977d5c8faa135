using System.Runtime.InteropServices;

namespace Tessera.Gguf;

/// <summary>Writes everything that comes before the tensor data, and counts its bytes.</summary>
internal sealed class GgufHeaderWriter
{
    private const uint Version = 3;
    private readonly Stream stream;
    private long position;

    private GgufHeaderWriter(Stream stream) => this.stream = stream;

    /// <summary>Writes the header and returns its length in bytes, padding not included.</summary>
    public static long Write(
        Stream stream,
        IReadOnlyDictionary<string, GgufValue> metadata,
        IReadOnlyCollection<PendingTensor> tensors,
        int alignment
    )
    {
        var writer = new GgufHeaderWriter(stream);
        writer.WriteBytes("GGUF"u8);
        writer.WriteNumber(Version);
        writer.WriteNumber((ulong)tensors.Count);
        writer.WriteNumber((ulong)metadata.Count);
        foreach ((string key, GgufValue value) in metadata)
        {
            writer.WriteText(key);
            writer.WriteNumber((uint)value.Type);
            writer.WriteContent(value);
        }
        writer.WriteTensorTable(tensors, alignment);
        return writer.position;
    }

    private void WriteTensorTable(IReadOnlyCollection<PendingTensor> tensors, int alignment)
    {
        long offset = 0;
        foreach (PendingTensor tensor in tensors)
        {
            WriteText(tensor.Name);
            WriteNumber((uint)tensor.Shape.Length);
            WriteBytes(MemoryMarshal.AsBytes(tensor.Shape.AsSpan()));
            WriteNumber((uint)tensor.Type);
            WriteNumber((ulong)offset);
            offset = GgufHeader.Align(checked(offset + tensor.ByteLength), alignment);
        }
    }

    private void WriteContent(GgufValue value)
    {
        if (value.Type == GgufValueType.Array)
        {
            WriteNumber((uint)value.ElementType);
            WriteNumber((ulong)value.Count);
        }
        switch (value.ElementType)
        {
            case GgufValueType.UInt8:
                WriteNumbers<byte>(value);
                break;
            case GgufValueType.Int8:
                WriteNumbers<sbyte>(value);
                break;
            case GgufValueType.UInt16:
                WriteNumbers<ushort>(value);
                break;
            case GgufValueType.Int16:
                WriteNumbers<short>(value);
                break;
            case GgufValueType.UInt32:
                WriteNumbers<uint>(value);
                break;
            case GgufValueType.Int32:
                WriteNumbers<int>(value);
                break;
            case GgufValueType.Float32:
                WriteNumbers<float>(value);
                break;
            case GgufValueType.Bool:
                WriteNumbers<bool>(value);
                break;
            case GgufValueType.String:
                WriteEach<string>(value, WriteText);
                break;
            case GgufValueType.Array:
                WriteEach<GgufValue>(value, WriteContent);
                break;
            case GgufValueType.UInt64:
                WriteNumbers<ulong>(value);
                break;
            case GgufValueType.Int64:
                WriteNumbers<long>(value);
                break;
            case GgufValueType.Float64:
                WriteNumbers<double>(value);
                break;
            default:
                throw new InvalidOperationException($"The kind {value.Kind} cannot be written.");
        }
    }

    private void WriteNumbers<T>(GgufValue value)
        where T : unmanaged
    {
        if (value.TryGetArray(out ReadOnlyMemory<T> numbers))
            WriteBytes(MemoryMarshal.AsBytes(numbers.Span));
        else if (value.TryGet(out T number))
            WriteNumber(number);
    }

    private static void WriteEach<T>(GgufValue value, Action<T> write)
        where T : class
    {
        if (value.TryGet(out T? single))
            write(single!);
        else if (value.TryGetArray(out ReadOnlyMemory<T> elements))
            foreach (T element in elements.Span)
                write(element);
    }

    private void WriteText(string text)
    {
        byte[] bytes = GgufText.StrictUtf8.GetBytes(text);
        WriteNumber((ulong)bytes.Length);
        WriteBytes(bytes);
    }

    private void WriteNumber<T>(T number)
        where T : unmanaged => WriteBytes(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in number)));

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        stream.Write(bytes);
        position += bytes.Length;
    }
}
