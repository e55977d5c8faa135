using Tessera.Cli.Commands;
using Tessera.Shared;

namespace Tessera.Cli.Output;

/// <summary>Checks where a command is to write, before it works for the result.</summary>
internal static class OutputFiles
{
    /// <exception cref="TesseraException">The file's folder does not exist, or the path is one, or it is no regular file.</exception>
    public static void RequireFolder(string path)
    {
        if (path.Length == 0)
            throw new UsageException("The name of the file to write is empty.");
        string full = Path.GetFullPath(path);
        if (Directory.Exists(full))
            throw new TesseraException($"{path}: it is a folder, not a file to write.");
        if (FileKind.IsSpecial(full))
            throw new TesseraException($"{path}: it is a pipe or a device; only regular files can be written.");
        if (Path.GetDirectoryName(full) is string folder && !Directory.Exists(folder))
            throw new TesseraException($"{path}: there is no folder {folder}.");
    }
}
