namespace Tessera.Shared;

/// <summary>
/// Writes files that appear whole or not at all: under another name beside the path, which then takes the path's place. Whatever a run
/// that was killed left behind in the folder, the next write there takes away. A link stays a link, and a file keeps its mode.
/// </summary>
internal static class WholeFile
{
    private const string Prefix = ".tessera-",
        Extension = ".tmp";

    /// <summary>Writes a file in the place of what is there.</summary>
    /// <param name="path">The file, or a link to it.</param>
    /// <param name="write">Writes its contents.</param>
    /// <param name="isDurable">Whether it is on the disk when this returns.</param>
    /// <exception cref="IOException">It cannot be written, or is a pipe or a device.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written.</exception>
    public static void Write(string path, Action<Stream> write, bool isDurable = true)
    {
        string target = FileKind.Resolve(path),
            folder = Path.GetDirectoryName(target) ?? target;
        if (FileKind.IsSpecial(target))
            throw new IOException("it is a pipe or a device; only regular files can be written");
        RequireWritable(target);
        RemoveLeftovers(folder);
        string temporary = Path.Combine(folder, $"{Prefix}{Guid.NewGuid():N}{Extension}");
        UnixFileMode? mode = !OperatingSystem.IsWindows() && File.Exists(target) ? File.GetUnixFileMode(target) : null;
        try
        {
            // The lock that comes with the open file tells others that somebody is writing it still. It is moved while it is open.
            using FileStream stream = Create(temporary, mode);
            write(stream);
            stream.Flush(flushToDisk: isDurable);
            if (!OperatingSystem.IsWindows() && mode is { } kept)
                File.SetUnixFileMode(stream.SafeFileHandle, kept);
            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception failure)
        {
            TryDelete(temporary);
            // Nobody has heard of the other name.
            if (failure is IOException && failure.Message.Contains(temporary, StringComparison.Ordinal))
                throw new IOException(failure.Message.Replace(temporary, target, StringComparison.Ordinal), failure);
            throw;
        }
    }

    private static FileStream Create(string path, UnixFileMode? mode)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Share = FileShare.Delete,
            BufferSize = 1 << 16,
        };
        // Never more open than the file whose place it takes.
        if (!OperatingSystem.IsWindows() && mode is not null)
            options.UnixCreateMode = mode;
        return new FileStream(path, options);
    }

    // To move a file over another one asks for no permission to write the other.
    private static void RequireWritable(string target)
    {
        if (File.Exists(target))
            new FileStream(target, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete).Dispose();
    }

    private static void RemoveLeftovers(string folder)
    {
        try
        {
            foreach (string left in Directory.EnumerateFiles(folder, $"{Prefix}*{Extension}"))
                if (!IsBeingWritten(left))
                    TryDelete(left);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // A folder that may be written but not listed.
        }
    }

    private static bool IsBeingWritten(string temporary)
    {
        try
        {
            new FileStream(temporary, FileMode.Open, FileAccess.Write, FileShare.None).Dispose();
            return false;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private static void TryDelete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // Somebody else took it away first, or keeps it.
        }
    }
}
