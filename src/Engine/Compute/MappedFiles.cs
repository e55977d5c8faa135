using Tessera.Native;

namespace Tessera.Compute;

/// <summary>
/// Whether weights may stay in the mapped file. On Unix a mapped file that somebody shortens ends the process (SIGBUS), and one that is
/// written to changes the weights; Windows refuses both. So a file that this user could write to is read into memory, at the cost of a
/// copy while it is loaded, and mapped only when memory does not hold it.
/// </summary>
internal static class MappedFiles
{
    // What the context, pictures and other programs need beside the weights.
    private const double ShareOfMemory = 0.8;

    /// <summary>Whether files of one model stay mapped.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="byteLength">Bytes of them all.</param>
    public static bool MayStay(IEnumerable<string> paths, long byteLength) =>
        OperatingSystem.IsWindows() || !paths.Any(IsWritable) || byteLength > ComputeDevice.FreeMemory() * ShareOfMemory;

    private static bool IsWritable(string path) => SysUnistd.access(path, SysUnistd.W_OK) == 0;
}
