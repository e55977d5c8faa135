using Tessera.Cli.Commands;
using Tessera.Shared;

namespace Tessera.Cli.Output;

/// <summary>Checks where a command is to write, before it works for the result.</summary>
internal static class OutputFiles
{
    /// <summary>Stands for standard output.</summary>
    public const string Standard = "-";

    /// <summary>Checks an option that names a file to write, or standard output.</summary>
    /// <param name="console">Whose standard output it may be.</param>
    /// <param name="option">The option's name.</param>
    /// <param name="path">What it says.</param>
    /// <param name="endings">What a file's name may end with; a name without an ending is taken as it is.</param>
    /// <exception cref="UsageException">The ending is another one, or standard output is a terminal or taken.</exception>
    /// <exception cref="TesseraException">The file's folder does not exist, or the path is one, or it is no regular file.</exception>
    public static void Require(CliConsole console, string option, string path, params ReadOnlySpan<string> endings)
    {
        if (path != Standard)
        {
            RequireFolder(path);
            string ending = Path.GetExtension(path).ToLowerInvariant();
            if (ending.Length > 0 && !endings.Contains(ending))
                throw new UsageException($"{option} is '{path}', but what is written there has the ending {Either(endings)}.");
            return;
        }

        if (console.WritesJson)
            throw new UsageException($"{option} - and --json do not go together: both write to standard output.");
        if (console.OutputIsTerminal)
            throw new UsageException($"{option} - writes bytes that a terminal cannot show: send them to a file or a program.");
    }

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

    private static string Either(ReadOnlySpan<string> words) =>
        words.Length == 1 ? words[0] : $"{string.Join(", ", words[..^1].ToArray())} or {words[^1]}";
}
