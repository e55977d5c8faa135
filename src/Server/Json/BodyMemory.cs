using System.Buffers;
using System.Runtime.InteropServices;

namespace Tessera.Server.Json;

/// <summary>Bytes of a body outside of the collected heap, so that disposing them gives them back at once: large arrays would stay until
/// the next full collection, and in pools for longer.</summary>
internal sealed unsafe class BodyMemory : MemoryManager<byte>
{
    private const int LeastCapacity = 4096;
    private byte* bytes;
    private int capacity;

    /// <summary>Bytes that were read.</summary>
    public int Length { get; private set; }

    /// <summary>Room behind what was read, made larger where there is none; what was there before may move.</summary>
    /// <param name="expectedLength">How long the whole is expected to be; 0 where that is not known.</param>
    public Memory<byte> Room(int expectedLength)
    {
        if (Length == capacity)
        {
            capacity = Math.Max(expectedLength, (int)Math.Min(Math.Max(LeastCapacity, capacity * 2L), Array.MaxLength));
            bytes = (byte*)NativeMemory.Realloc(bytes, (nuint)capacity);
        }

        return CreateMemory(Length, capacity - Length);
    }

    /// <summary>Bytes were read into the room.</summary>
    public void Advance(int count) => Length += count;

    /// <summary>What was read.</summary>
    public ReadOnlyMemory<byte> Read => CreateMemory(0, Length);

    public override Span<byte> GetSpan() => new(bytes, capacity);

    public override MemoryHandle Pin(int elementIndex = 0) => new(bytes + elementIndex);

    public override void Unpin() { }

    protected override void Dispose(bool disposing)
    {
        NativeMemory.Free(bytes);
        bytes = null;
        (capacity, Length) = (0, 0);
    }
}
