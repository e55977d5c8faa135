using System.Runtime.InteropServices;

namespace Tessera.Compute;

/// <summary>
/// Working memory that grows to the largest length asked of it. It is not the garbage collector's, which would keep tens of megabytes
/// long after the last use.
/// </summary>
internal sealed unsafe class ScratchMemory : IDisposable
{
    // A cache line's, which is also the widest vector's.
    private const int Alignment = 64;
    private byte* start;
    private long capacity;

    /// <summary>The beginning of that many bytes; what was in the memory before is lost when it grows.</summary>
    /// <exception cref="OutOfMemoryException">There are not so many.</exception>
    public byte* Reserve(long length)
    {
        if (length > capacity)
        {
            Dispose();
            start = (byte*)NativeMemory.AlignedAlloc((nuint)length, Alignment);
            capacity = length;
        }

        return start;
    }

    /// <summary>The first bytes of the memory; what was in it before is lost when it grows.</summary>
    public Span<byte> Bytes(int length) => new(Reserve(length), length);

    public Span<float> Floats(int count) => MemoryMarshal.Cast<byte, float>(Bytes(checked(count * sizeof(float))));

    public void Dispose()
    {
        NativeMemory.AlignedFree(start);
        start = null;
        capacity = 0;
    }
}
