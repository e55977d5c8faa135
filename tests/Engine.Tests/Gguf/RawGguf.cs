using System.Text;
using Tessera.Gguf;

namespace Tessera.Engine.Tests.Gguf;

/// <summary>Writes GGUF files field by field, without any of the writer's checks.</summary>
internal sealed class RawGguf
{
    private readonly List<byte> bytes = [];

    public static RawGguf Start(ulong tensorCount, ulong entryCount, uint version = 3) =>
        new RawGguf().Bytes("GGUF"u8).U32(version).U64(tensorCount).U64(entryCount);

    public RawGguf U32(uint value) => Bytes(BitConverter.GetBytes(value));

    public RawGguf U64(ulong value) => Bytes(BitConverter.GetBytes(value));

    public RawGguf Bytes(ReadOnlySpan<byte> value)
    {
        bytes.AddRange(value);
        return this;
    }

    public RawGguf Text(string value) => Text(Encoding.UTF8.GetBytes(value));

    public RawGguf Text(ReadOnlySpan<byte> value) => U64((ulong)value.Length).Bytes(value);

    /// <summary>A key and the kind of its value, which is to follow.</summary>
    public RawGguf Key(string key, GgufValueType type) => Text(key).U32((uint)type);

    public RawGguf Array(GgufValueType elementType, ulong count) => U32((uint)elementType).U64(count);

    public RawGguf Tensor(string name, GgufTensorType type, ulong offset, params ulong[] shape)
    {
        Text(name).U32((uint)shape.Length);
        foreach (ulong length in shape)
            U64(length);
        return U32((uint)type).U64(offset);
    }

    /// <summary>Zeros up to the alignment, then so many more.</summary>
    public RawGguf Data(int byteLength, int alignment = 32)
    {
        int padding = -bytes.Count & (alignment - 1);
        return Bytes(new byte[padding + byteLength]);
    }

    public byte[] ToArray() => [.. bytes];
}
