using System.Runtime.InteropServices;

namespace Tessera.Compute;

/// <summary>
/// Working memory that grows to the largest length asked of it. It is not the garbage collector's, which would keep tens of megabytes
/// long after the last use.
/// </summary>
internal sealed unsafe class ScratchMemory : IDisposable
{
    private byte* start;
    private int capacity;

    /// <summary>The first bytes of the memory; what was in it before is lost when it grows.</summary>
    public Span<byte> Bytes(int length)
    {
        if (length > capacity)
        {
            Dispose();
            start = (byte*)NativeMemory.Alloc((nuint)length);
            capacity = length;
        }

        return new Span<byte>(start, length);
    }

    public Span<float> Floats(int count) => MemoryMarshal.Cast<byte, float>(Bytes(checked(count * sizeof(float))));

    public void Dispose()
    {
        NativeMemory.Free(start);
        start = null;
        capacity = 0;
    }
}
