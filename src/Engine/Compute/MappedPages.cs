using System.Globalization;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>The pages of a file that this process has mapped, whoever mapped them. Linux.</summary>
internal static unsafe class MappedPages
{
    private const long PartLength = 64 << 20;

    /// <summary>Puts copies in the place of all pages that are mapped of a file, at the same addresses: who reads them notices
    /// nothing.</summary>
    /// <param name="descriptor">The file, open.</param>
    /// <returns>False where memory does not hold them, so that some are still the file's.</returns>
    public static bool CopyToMemory(int descriptor)
    {
        try
        {
            (long Start, long End)[] ranges = [.. RangesOf(descriptor)];
            return ranges.Sum(static range => range.End - range.Start) <= MachineMemory.Free() * MappedFiles.ShareOfMemory
                && Array.TrueForAll(ranges, static range => Copy(range.Start, range.End));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or FormatException)
        {
            return false; // no /proc
        }
    }

    // proc_pid_maps(5): start-end rights offset device inode, and the path from there on, in which a line's end is \012.
    private static IEnumerable<(long Start, long End)> RangesOf(int descriptor)
    {
        const int FieldsBeforePath = 5;
        string path = (new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget ?? "").Replace("\n", "\\012", StringComparison.Ordinal);
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] fields = line.Split(' ', FieldsBeforePath + 1, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length <= FieldsBeforePath || fields[FieldsBeforePath] != path)
                continue;
            string[] ends = fields[0].Split('-');
            yield return (
                long.Parse(ends[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                long.Parse(ends[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            );
        }
    }

    private static bool Copy(long start, long end)
    {
        for (long at = start; at < end; at += PartLength)
        {
            nuint length = (nuint)Math.Min(PartLength, end - at);
            nint copy = SysMman.mmap(0, length, SysMman.PROT_READ | SysMman.PROT_WRITE, SysMman.MAP_PRIVATE | SysMman.MAP_ANONYMOUS, -1, 0);
            if (copy == SysMman.MAP_FAILED)
                return false;
            Buffer.MemoryCopy((void*)at, (void*)copy, length, length);
            _ = SysMman.mprotect(copy, length, SysMman.PROT_READ);
            // In one step for all threads: there is no moment without either.
            if (SysMman.mremap(copy, length, length, SysMman.MREMAP_MAYMOVE | SysMman.MREMAP_FIXED, (nint)at) == SysMman.MAP_FAILED)
            {
                _ = SysMman.munmap(copy, length);
                return false;
            }
        }

        return true;
    }
}
