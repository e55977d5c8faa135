using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of Windows' <c>processthreadsapi.h</c>.</summary>
internal static unsafe partial class ProcessThreadsApi
{
    [LibraryImport("kernel32")]
    internal static partial int GetSystemTimes(long* lpIdleTime, long* lpKernelTime, long* lpUserTime);
}
