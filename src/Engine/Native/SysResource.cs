using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of <c>sys/resource.h</c>, which is the same on Linux and macOS where it is 64-bit.</summary>
internal static unsafe partial class SysResource
{
    [LibraryImport("libc")]
    internal static partial int setrlimit(int resource, rlimit_t* rlp);

    internal const int RLIMIT_CORE = 4;

    [StructLayout(LayoutKind.Sequential)]
    internal struct rlimit_t
    {
        public ulong rlim_cur;
        public ulong rlim_max;
    }
}
