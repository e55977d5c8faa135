using System.Collections.Immutable;

namespace Tessera.Gguf;

/// <summary>One entry of a file's tensor table; its data is read through <see cref="GgufFile.GetTensorData"/>.</summary>
public sealed class GgufTensor
{
    internal GgufTensor(string name, GgufTensorType type, ImmutableArray<long> shape, long elementCount, long byteLength, long dataOffset)
    {
        Name = name;
        Type = type;
        Shape = shape;
        ElementCount = elementCount;
        ByteLength = byteLength;
        DataOffset = dataOffset;
    }

    /// <summary>The name, unique in the file.</summary>
    public string Name { get; }

    /// <summary>How the elements are stored.</summary>
    public GgufTensorType Type { get; }

    /// <summary>One to four lengths in elements, the fastest varying dimension first (ggml's <c>ne</c>); each at least 1.</summary>
    public ImmutableArray<long> Shape { get; }

    /// <summary>The product of the shape.</summary>
    public long ElementCount { get; }

    /// <summary>Where the data begins, in bytes from the beginning of the file.</summary>
    public long DataOffset { get; }

    /// <summary>The bytes of the data, without the padding that may follow.</summary>
    public long ByteLength { get; }

    /// <summary>Name, type and shape for people.</summary>
    public override string ToString() => $"{Name} {Type} {GgufTensorTypes.ShapeText(Shape.AsSpan())}";
}
