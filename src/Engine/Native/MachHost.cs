using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of macOS's <c>mach/mach_host.h</c> and <c>mach/host_info.h</c>.</summary>
internal static unsafe partial class MachHost
{
    [LibraryImport("libSystem")]
    internal static partial uint mach_host_self();

    [LibraryImport("libSystem")]
    internal static partial int host_statistics(uint host_priv, int flavor, uint* host_info_out, uint* host_info_outCnt);

    internal const int HOST_CPU_LOAD_INFO = 3;
    internal const int HOST_CPU_LOAD_INFO_COUNT = 4;
    internal const int CPU_STATE_USER = 0;
    internal const int CPU_STATE_SYSTEM = 1;
    internal const int CPU_STATE_NICE = 3;
}
