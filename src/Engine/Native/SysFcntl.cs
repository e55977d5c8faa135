using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of Linux's <c>fcntl.h</c>.</summary>
internal static partial class SysFcntl
{
    [LibraryImport("libc", SetLastError = true)]
    internal static partial int fcntl(int fd, int cmd, nint arg);

    internal const int F_SETOWN = 8;
    internal const int F_SETLEASE = 1024;
    internal const int F_GETLEASE = 1025;
    internal const int F_RDLCK = 0;
    internal const int F_UNLCK = 2;

    // Of signal.h: what the system sends when somebody wants what a lease holds.
    internal const int SIGIO = 29;
}
