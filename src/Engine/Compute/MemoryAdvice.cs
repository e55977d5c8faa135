using Tessera.Native;

namespace Tessera.Compute;

/// <summary>Tells Linux how memory will be used, which it may ignore; other systems are not asked.</summary>
internal static unsafe class MemoryAdvice
{
    /// <summary>Advises about the whole pages in a range.</summary>
    public static void Give(void* start, nuint length, int advice)
    {
        if (!OperatingSystem.IsLinux())
            return;
        nuint page = (nuint)Environment.SystemPageSize,
            first = ((nuint)start + page - 1) / page * page,
            end = ((nuint)start + length) / page * page;
        if (end > first)
            _ = SysMman.madvise((void*)first, end - first, advice);
    }
}
