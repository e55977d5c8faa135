using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Compute.Kernels;

/// <summary>Bytes that are read soon: who computes meanwhile asks for them a part at a time, as memory has nothing else to do.</summary>
/// <param name="start">The first byte.</param>
/// <param name="length">How many; 0 for none.</param>
internal readonly unsafe struct ReadAhead(byte* start, long length)
{
    private const int LineBytes = 64;

    /// <summary>Asks for one of some parts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Ask(int part, int count)
    {
        if (length == 0)
            return;
        long lines = length / LineBytes,
            last = lines * (part + 1) / count;
        for (long line = lines * part / count; line < last; line++)
            Sse.Prefetch1(start + line * LineBytes);
    }
}
