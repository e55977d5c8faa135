using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of Linux's <c>sys/mman.h</c>.</summary>
internal static unsafe partial class SysMman
{
    [LibraryImport("libc")] internal static partial int madvise(void* addr, nuint length, int advice);

    internal const int MADV_HUGEPAGE = 14;
}
