using Tessera.Native;

namespace Tessera.Compute.Kernels.Code;

/// <summary>Pages of machine code, which are written before they are made executable and never both at once.</summary>
internal static unsafe class ExecutableMemory
{
    /// <summary>Puts code into pages that stay until the process ends; null where the system forbids it.</summary>
    public static byte* Place(ReadOnlySpan<byte> code)
    {
        nuint length = (nuint)((code.Length + Environment.SystemPageSize - 1) / Environment.SystemPageSize * Environment.SystemPageSize);
        return OperatingSystem.IsWindows() ? PlaceOnWindows(code, length) : PlaceOnUnix(code, length);
    }

    private static byte* PlaceOnUnix(ReadOnlySpan<byte> code, nuint length)
    {
        nint pages = SysMman.mmap(0, length, SysMman.PROT_READ | SysMman.PROT_WRITE, SysMman.MAP_PRIVATE | SysMman.MAP_ANONYMOUS, -1, 0);
        if (pages == SysMman.MAP_FAILED)
            return null;
        code.CopyTo(new Span<byte>((byte*)pages, code.Length));
        if (SysMman.mprotect(pages, length, SysMman.PROT_READ | SysMman.PROT_EXEC) == 0)
            return (byte*)pages;
        _ = SysMman.munmap(pages, length);
        return null;
    }

    private static byte* PlaceOnWindows(ReadOnlySpan<byte> code, nuint length)
    {
        nint pages = MemoryApi.VirtualAlloc(0, length, MemoryApi.MEM_COMMIT | MemoryApi.MEM_RESERVE, MemoryApi.PAGE_READWRITE);
        if (pages == 0)
            return null;
        code.CopyTo(new Span<byte>((byte*)pages, code.Length));
        uint before;
        if (MemoryApi.VirtualProtect(pages, length, MemoryApi.PAGE_EXECUTE_READ, &before) != 0)
            return (byte*)pages;
        _ = MemoryApi.VirtualFree(pages, 0, MemoryApi.MEM_RELEASE);
        return null;
    }
}
