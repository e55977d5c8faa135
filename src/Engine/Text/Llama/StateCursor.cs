using System.Buffers.Binary;

namespace Tessera.Text.Llama;

/// <summary>Reads a saved state from its beginning; what goes past its end gives nothing and is remembered.</summary>
internal ref struct StateCursor(ReadOnlySpan<byte> state)
{
    private ReadOnlySpan<byte> rest = state;

    /// <summary>Whether more was read than there is.</summary>
    public bool IsBeyond { get; private set; }

    /// <summary>Whether everything was read, and nothing beyond.</summary>
    public readonly bool IsAtEnd => !IsBeyond && rest.IsEmpty;

    public int Int() => Take(sizeof(int)) is { Length: > 0 } bytes ? BinaryPrimitives.ReadInt32LittleEndian(bytes) : 0;

    public long Long() => Take(sizeof(long)) is { Length: > 0 } bytes ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : 0;

    /// <summary>The next bytes; none where there are not so many.</summary>
    public ReadOnlySpan<byte> Take(long length)
    {
        if (IsBeyond || length < 0 || length > rest.Length)
        {
            IsBeyond = true;
            return [];
        }

        ReadOnlySpan<byte> taken = rest[..(int)length];
        rest = rest[(int)length..];
        return taken;
    }
}
