using System.Globalization;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>The pages of a file that this process has mapped, whoever mapped them. Linux.</summary>
internal static unsafe class MappedPages
{
    private const long PartLength = 64 << 20,
        LargePage = 2 << 20;

    /// <summary>Puts copies in the place of all pages that are mapped of a file, at the same addresses: who reads them notices
    /// nothing.</summary>
    /// <param name="descriptor">The file, open.</param>
    /// <param name="unread">What nobody reads any more, in the order of the file: it stays the file's, and takes no memory.</param>
    /// <param name="cancellationToken">Stops between parts of 64 MB.</param>
    /// <returns>False where memory does not hold them, or it was stopped, so that some are still the file's.</returns>
    public static bool CopyToMemory(int descriptor, IReadOnlyList<FileRange> unread, CancellationToken cancellationToken)
    {
        try
        {
            if (Pieces(descriptor, unread).Sum(static piece => piece.End - piece.Start) > MachineMemory.Free() * MappedFiles.ShareOfMemory)
                return false;
            lock (FileMapping.Unmapping)
                Release(descriptor, unread);
            while (!cancellationToken.IsCancellationRequested)
            {
                // Looked up anew for each part, as others may unmap in between.
                lock (FileMapping.Unmapping)
                {
                    (long start, long end) = Pieces(descriptor, unread).FirstOrDefault();
                    if (end == start)
                        return true;
                    if (!CopyPart((nint)start, (nint)Math.Min(PartLength, end - start)))
                        return false;
                }
            }

            return false;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or FormatException)
        {
            return false; // no /proc
        }
    }

    // What is mapped of a file, without whole pages that are not read.
    private static IEnumerable<(long Start, long End)> Pieces(int descriptor, IReadOnlyList<FileRange> unread)
    {
        long page = Environment.SystemPageSize;
        foreach ((long start, long end, long offset) in RangesOf(descriptor))
        {
            long at = start;
            foreach (FileRange range in unread)
            {
                long first = Math.Max(at, start + (range.Offset - offset + page - 1) / page * page),
                    last = start + (range.Offset + range.Length - offset) / page * page;
                if (last <= first || first >= end)
                    continue;
                if (first > at)
                    yield return (at, first);
                at = Math.Min(last, end);
            }

            if (end > at)
                yield return (at, end);
        }
    }

    private static void Release(int descriptor, IReadOnlyList<FileRange> unread)
    {
        foreach ((long start, long end, long offset) in RangesOf(descriptor))
        {
            foreach (FileRange range in unread)
            {
                long first = Math.Max(start, start + range.Offset - offset),
                    last = Math.Min(end, start + range.Offset + range.Length - offset);
                if (last > first)
                    MemoryAdvice.Give((void*)first, (nuint)(last - first), SysMman.MADV_DONTNEED);
            }
        }
    }

    // proc_pid_maps(5): start-end rights offset device inode, and the path from there on, in which a line's end is \012.
    private static IEnumerable<(long Start, long End, long Offset)> RangesOf(int descriptor)
    {
        const int FieldsBeforePath = 5,
            Offset = 2;
        string path = (new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget ?? "").Replace("\n", "\\012", StringComparison.Ordinal);
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            string[] fields = line.Split(' ', FieldsBeforePath + 1, StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length <= FieldsBeforePath || fields[FieldsBeforePath] != path)
                continue;
            string[] ends = fields[0].Split('-');
            yield return (
                long.Parse(ends[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                long.Parse(ends[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                long.Parse(fields[Offset], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            );
        }
    }

    private static bool CopyPart(nint at, nint length)
    {
        // Large pages move as such where they begin at the same place within one.
        nint room = length + (nint)LargePage,
            area = SysMman.mmap(0, (nuint)room, SysMman.PROT_READ | SysMman.PROT_WRITE, SysMman.MAP_PRIVATE | SysMman.MAP_ANONYMOUS, -1, 0);
        if (area == SysMman.MAP_FAILED)
            return false;
        nint copy = area + ((at - area) & (nint)(LargePage - 1));
        MemoryAdvice.Give((void*)copy, (nuint)length, SysMman.MADV_HUGEPAGE);
        Buffer.MemoryCopy((void*)at, (void*)copy, length, length);
        _ = SysMman.mprotect(copy, (nuint)length, SysMman.PROT_READ);
        // In one step for all threads: there is no moment without either.
        const int Flags = SysMman.MREMAP_MAYMOVE | SysMman.MREMAP_FIXED;
        bool isMoved = SysMman.mremap(copy, (nuint)length, (nuint)length, Flags, at) != SysMman.MAP_FAILED;
        Free(area, isMoved ? copy - area : room);
        if (isMoved)
            Free(copy + length, area + room - copy - length);
        return isMoved;
    }

    private static void Free(nint start, nint length)
    {
        if (length > 0)
            _ = SysMman.munmap(start, (nuint)length);
    }
}
