using Tessera.Cli.Chat.Editing;

namespace Tessera.Cli.Chat;

/// <summary>What Tab completes: commands, names of parameters, and paths.</summary>
internal static class ChatCompletion
{
    private const int MaxEntries = 2000;
    private static readonly string[] PathCommands = ["/image", "/look", "/save", "/load", "/schema", "/model"];

    /// <summary>What the text before the cursor could go on as.</summary>
    public static Completion Find(string text)
    {
        if (!text.StartsWith('/'))
            return Completion.None;
        int blank = text.IndexOf(' ');
        if (blank < 0)
            return new Completion(
                0,
                [
                    .. SlashCommand
                        .Names.Where(name => name.StartsWith(text, StringComparison.OrdinalIgnoreCase))
                        .Select(static name => name + " "),
                ]
            );
        string command = text[..blank];
        if (PathCommands.Contains(command))
            return Paths(text, LastWord(text, blank + 1), picturesOnly: command is "/image" or "/look");
        if (command != "/params")
            return Completion.None;
        int start = text.LastIndexOf(' ') + 1;
        return new Completion(
            start,
            [
                .. SamplingParameter
                    .All.Select(static parameter => parameter.Name + " ")
                    .Where(name => name.StartsWith(text[start..], StringComparison.Ordinal)),
            ]
        );
    }

    private static Completion Paths(string text, int start, bool picturesOnly)
    {
        string typed = TypedPath.Unquote(text[start..]);
        int end = typed.LastIndexOfAny([Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar]) + 1;
        string folder = typed[..end],
            beginning = typed[end..];
        try
        {
            IEnumerable<string> names = new DirectoryInfo(folder.Length == 0 ? "." : folder)
                .EnumerateFileSystemInfos(Literal(beginning) + "*")
                .Take(MaxEntries)
                .Where(entry => beginning.Length > 0 || !entry.Name.StartsWith('.'))
                .Where(entry => entry is DirectoryInfo || !picturesOnly || IsPicture(entry.FullName))
                .Select(entry => TypedPath.Quote(folder + entry.Name) + (entry is DirectoryInfo ? Path.DirectorySeparatorChar : ' '));
            return new Completion(start, [.. names.Order(StringComparer.Ordinal)]);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return Completion.None;
        }
    }

    private static bool IsPicture(string path) => PromptImage.IsImageFile(path) || PdfDocument.IsPdfFile(path);

    // Wildcards in a name are letters of it here: what they would match too is let in, and completed no further.
    private static string Literal(string beginning) =>
        beginning.IndexOfAny(['*', '?']) is >= 0 and int wildcard ? beginning[..wildcard] : beginning;

    // Blanks that are escaped or quoted belong to the word.
    private static int LastWord(string text, int from)
    {
        int start = from;
        char? quote = null;
        for (int index = from; index < text.Length; index++)
        {
            if (text[index] == quote)
                quote = null;
            else if (quote is null && index == start && text[index] is '"' or '\'')
                quote = text[index];
            else if (quote is null && TypedPath.IsEscape(text, index))
                index++;
            else if (quote is null && text[index] == ' ')
                start = index + 1;
        }

        return start;
    }
}
