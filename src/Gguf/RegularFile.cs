using Tessera.Shared;

namespace Tessera.Gguf;

/// <summary>Opens a file for reading that has contents and a length, and says in one sentence why another cannot be opened.</summary>
internal static class RegularFile
{
    /// <summary>Opens the file. Never waits: a pipe is recognised before it is opened.</summary>
    /// <exception cref="ModelFileException">There is no such file, it may not be read, or it is a directory, a pipe, a device,
    /// or empty.</exception>
    public static FileStream OpenRead(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        try
        {
            RequireContents(path);
            var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 15);
            if (stream.CanSeek && stream.Length > 0)
                return stream;
            stream.Dispose();
            throw Unusable(path);
        }
        catch (FileNotFoundException exception)
        {
            throw new ModelFileException(path, "there is no such file.", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new ModelFileException(path, "the file may not be read; check its permissions.", exception);
        }
        catch (IOException exception)
        {
            throw new ModelFileException(path, $"the file cannot be opened: {exception.Message}", exception);
        }
    }

    private static void RequireContents(string path)
    {
        if (Directory.Exists(path))
            throw new ModelFileException(path, "this is a directory, not a GGUF file.");
        if (!File.Exists(path))
            throw new ModelFileException(path, "there is no such file.");
        if (!FileKind.HasContents(path))
            throw Unusable(path);
    }

    private static ModelFileException Unusable(string path) =>
        new(path, "the file is empty, or is a pipe or device; only regular files can be read.");
}
