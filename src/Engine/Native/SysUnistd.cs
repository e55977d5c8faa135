using System.Runtime.InteropServices;

namespace Tessera.Native;

/// <summary>What Tessera uses of <c>unistd.h</c>, on Linux and macOS.</summary>
internal static partial class SysUnistd
{
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int access(string pathname, int mode);

    internal const int W_OK = 2;
}
