using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of Windows' <c>memoryapi.h</c>.</summary>
internal static unsafe partial class MemoryApi
{
    [LibraryImport("kernel32")]
    internal static partial nint VirtualAlloc(nint lpAddress, nuint dwSize, uint flAllocationType, uint flProtect);

    [LibraryImport("kernel32")]
    internal static partial int VirtualProtect(nint lpAddress, nuint dwSize, uint flNewProtect, uint* lpflOldProtect);

    [LibraryImport("kernel32")]
    internal static partial int VirtualFree(nint lpAddress, nuint dwSize, uint dwFreeType);

    internal const uint MEM_COMMIT = 0x1000;
    internal const uint MEM_RESERVE = 0x2000;
    internal const uint MEM_RELEASE = 0x8000;
    internal const uint PAGE_READWRITE = 0x04;
    internal const uint PAGE_EXECUTE_READ = 0x20;
}
