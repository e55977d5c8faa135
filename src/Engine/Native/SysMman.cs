using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of Linux's <c>sys/mman.h</c>.</summary>
internal static unsafe partial class SysMman
{
    [LibraryImport("libc")]
    internal static partial int madvise(void* addr, nuint length, int advice);

    [LibraryImport("libc")]
    internal static partial nint mmap(nint addr, nuint length, int prot, int flags, int fd, nint offset);

    [LibraryImport("libc")]
    internal static partial nint mremap(nint old_address, nuint old_size, nuint new_size, int flags, nint new_address);

    [LibraryImport("libc")]
    internal static partial int mprotect(nint addr, nuint length, int prot);

    [LibraryImport("libc")]
    internal static partial int munmap(nint addr, nuint length);

    internal const int MADV_WILLNEED = 3;
    internal const int MADV_DONTNEED = 4;
    internal const int MADV_HUGEPAGE = 14;
    internal const int PROT_READ = 1;
    internal const int PROT_WRITE = 2;
    internal const int PROT_EXEC = 4;
    internal const int MAP_PRIVATE = 2;
    internal const int MREMAP_MAYMOVE = 1;
    internal const int MREMAP_FIXED = 2;
    internal static int MAP_ANONYMOUS => OperatingSystem.IsMacOS() ? 0x1000 : 0x20;
    internal const nint MAP_FAILED = -1;
}
