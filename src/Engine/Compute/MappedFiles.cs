using Tessera.Native;

namespace Tessera.Compute;

/// <summary>
/// Whether weights may stay in the mapped file, and what keeps others from it meanwhile. On Unix a mapped file that somebody shortens ends
/// the process (SIGBUS), and one that is written to changes the weights; Windows refuses both. So a file that this user could write to
/// is mapped under a lease where the system gives one; else it is read into memory, at the cost of a copy while it is loaded, and mapped
/// only when memory does not hold it.
/// </summary>
internal sealed class MappedFiles : IDisposable
{
    /// <summary>What the context, pictures and other programs leave of the free memory.</summary>
    public const double ShareOfMemory = 0.8;

    // Smaller files are soon read, and larger ones than this share of the free memory are better left the system's.
    private const long LeastCopied = 256 << 20;
    private const double ShareCopied = 0.25;
    private readonly FileLease[] leases;

    private MappedFiles(bool mayStay, params FileLease[] leases)
    {
        MayStay = mayStay;
        this.leases = leases;
    }

    /// <summary>Whether weights may stay where the files are mapped.</summary>
    public bool MayStay { get; }

    /// <summary>Whether others may change what is mapped.</summary>
    public bool AreExposed =>
        MayStay && !OperatingSystem.IsWindows() && (leases.Length == 0 || leases.Any(static lease => lease.IsExposed));

    /// <summary>Files that are read.</summary>
    public static MappedFiles None() => new(mayStay: false);

    /// <summary>Looks at the files of one model, and keeps others from them until it is disposed, after the model.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="byteLength">Bytes of them all.</param>
    public static MappedFiles Hold(IReadOnlyCollection<string> paths, long byteLength)
    {
        if (OperatingSystem.IsWindows() || !paths.Any(IsWritable))
            return new MappedFiles(mayStay: true);
        FileLease?[] taken = [.. paths.Select(FileLease.Take)];
        FileLease[] leases = [.. taken.OfType<FileLease>()];
        if (leases.Length == taken.Length)
            return new MappedFiles(mayStay: true, leases);
        foreach (FileLease lease in leases)
            lease.Dispose();
        return new MappedFiles(mayStay: byteLength > MachineMemory.Free() * ShareOfMemory);
    }

    /// <summary>Says that the files are mapped now as far as they will be.</summary>
    public void SetMapped()
    {
        foreach (FileLease lease in leases)
            lease.SetMapped();
    }

    /// <summary>Begins to copy large files that are mapped into large pages, where there is memory for more than that.</summary>
    /// <param name="byteLength">Bytes of them all.</param>
    /// <param name="unread">Of each file what nobody reads any more, in its order.</param>
    public void CopyAhead(long byteLength, IReadOnlyList<IReadOnlyList<FileRange>> unread)
    {
        long copied = byteLength - unread.Sum(static file => file.Sum(static range => range.Length));
        if (byteLength < LeastCopied || copied > MachineMemory.Free() * ShareCopied)
            return;
        for (int index = 0; index < leases.Length; index++)
            leases[index].CopyAhead(index < unread.Count ? unread[index] : []);
    }

    public void Dispose()
    {
        foreach (FileLease lease in leases)
            lease.Dispose();
    }

    private static bool IsWritable(string path) => SysUnistd.access(path, SysUnistd.W_OK) == 0;
}
