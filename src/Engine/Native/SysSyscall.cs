using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of Linux's <c>sys/syscall.h</c> and, on x86-64, <c>asm/prctl.h</c>.</summary>
internal static partial class SysSyscall
{
    [LibraryImport("libc")]
    internal static partial nint syscall(nint number, nint argument0, nint argument1);

    internal const nint SYS_arch_prctl = 158;
    internal const nint ARCH_REQ_XCOMP_PERM = 0x1023;
    internal const nint ARCH_XCOMP_TILEDATA = 18;
}
