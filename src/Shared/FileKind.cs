using System.Formats.Tar;

namespace Tessera.Shared;

/// <summary>Tells regular files from what only looks like them; nothing is opened that could wait for somebody.</summary>
internal static class FileKind
{
    // On macOS a pipe's length is what waits in it; elsewhere pipes, devices and sockets have none.
    private static readonly long LongestPipe = OperatingSystem.IsMacOS() ? 1 << 16 : 0;

    /// <summary>Whether there is a regular file with contents, which can be opened and read to its end without waiting.</summary>
    public static bool HasContents(string path) => TargetOf(path) is { Length: > 0 } file && IsRegular(file);

    /// <summary>Whether a path leads to something that is neither a regular file nor a folder: a pipe, a device or a socket.</summary>
    public static bool IsSpecial(string path) => TargetOf(path) is { } file && !IsRegular(file);

    /// <summary>What a path leads to through any links; the path itself where there is nothing yet.</summary>
    /// <exception cref="IOException">The links lead in a circle.</exception>
    public static string Resolve(string path)
    {
        var file = new FileInfo(path);
        return file.LinkTarget is null ? file.FullName : file.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
    }

    /// <summary>
    /// Whether a path names something that the program was handed open, as a shell's <c>&lt;(command)</c> is: it can be read although
    /// it is no regular file.
    /// </summary>
    public static bool IsOpenDescriptor(string path) =>
        !OperatingSystem.IsWindows()
        && (
            path == "/dev/stdin"
            || path.StartsWith("/dev/fd/", StringComparison.Ordinal)
            || path.StartsWith("/proc/self/fd/", StringComparison.Ordinal)
        );

    private static FileInfo? TargetOf(string path)
    {
        if (!File.Exists(path))
            return null;
        var file = new FileInfo(path);
        try
        {
            // A link to an open pipe leads to a name that does not exist.
            return (file.ResolveLinkTarget(returnFinalTarget: true) ?? file) is FileInfo { Exists: true } target ? target : null;
        }
        catch (IOException)
        {
            // Links in a circle.
            return null;
        }
    }

    // .NET tells the kinds of files apart in one place only: where it writes them into an archive.
    private static bool IsRegular(FileInfo file)
    {
        if (OperatingSystem.IsWindows() || file.Length > LongestPipe)
            return true;
        using var archive = new MemoryStream();
        try
        {
            using (var writer = new TarWriter(archive, leaveOpen: true))
                writer.WriteEntry(file.FullName, "file");
            archive.Position = 0;
            using var reader = new TarReader(archive);
            return reader.GetNextEntry() is { EntryType: TarEntryType.RegularFile or TarEntryType.V7RegularFile };
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
