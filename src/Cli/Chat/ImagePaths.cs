using Tessera.Cli.Arguments;

namespace Tessera.Cli.Chat;

/// <summary>A line with the pictures that it names.</summary>
/// <param name="Text">The text; a picture in the middle of it has left <see cref="Marker"/>, those at its ends nothing.</param>
/// <param name="Paths">The files, in the order of the text.</param>
internal sealed record LineWithImages(string Text, IReadOnlyList<string> Paths)
{
    /// <summary>Stands for a picture in a message.</summary>
    public const string Marker = "<__media__>";
}

/// <summary>Finds the paths of pictures in a line, as terminals write what is dropped on them: quoted, with escaped blanks, or as a file
/// address.</summary>
/// <param name="isImage">Whether there is a picture's file at a path.</param>
internal sealed class ImagePaths(Func<string, bool> isImage)
{
    private static readonly char[] TrailingPunctuation = ['?', '!', '.', ',', ';', ':', ')'];

    /// <summary>Looks at the files of this machine.</summary>
    public static ImagePaths OfThisMachine { get; } = new(PromptImage.IsImageFile);

    /// <exception cref="ImageException">The line names a picture by its full path, but it cannot be used.</exception>
    public LineWithImages Find(string line)
    {
        // A name with blanks that nothing quotes can only be told when it is alone.
        if (AsImage(line.Trim()) is { } only)
            return new LineWithImages("", [only]);
        List<Part> parts = [.. Words(line).Select(Recognise)];
        string[] paths = [.. parts.Select(static part => part.Path).OfType<string>()];
        return paths.Length == 0 ? new LineWithImages(line, []) : new LineWithImages(TextOf(parts), paths);
    }

    private static string TextOf(List<Part> parts)
    {
        int first = parts.FindIndex(static part => part.Text.Length > 0),
            last = parts.FindLastIndex(static part => part.Text.Length > 0);
        if (first < 0)
            return "";
        bool isMixed = parts.Where((part, index) => part.Path is not null && index > first && index < last).Any();
        return string.Concat(
                parts.Select(part =>
                    part.Path is null || isMixed ? part.Blanks + (part.Path is null ? "" : LineWithImages.Marker) + part.Text : part.Text
                )
            )
            .Trim();
    }

    private Part Recognise(string word)
    {
        string bare = word.TrimStart(),
            blanks = word[..^bare.Length];
        if (AsImage(bare) is { } path)
            return new Part(blanks, "", path);
        string shorter = bare.TrimEnd(TrailingPunctuation);
        if (shorter.Length < bare.Length && AsImage(shorter) is { } before)
            return new Part(blanks, bare[shorter.Length..], before);
        RequireNoLostImage(shorter);
        return new Part(blanks, bare, null);
    }

    private string? AsImage(string word) =>
        word.Length == 0 || word.Contains('\n')
            ? null
            : new[] { TypedPath.OfFileAddress(word), TypedPath.WithHome(word), TypedPath.Unquote(word) }
                .OfType<string>()
                .FirstOrDefault(isImage);

    // To ask the model about a path that leads nowhere would get an invented answer.
    private static void RequireNoLostImage(string word)
    {
        string path = TypedPath.Resolve(word);
        if (!Path.IsPathFullyQualified(path) || !ImageInputs.HasPictureEnding(path))
            return;
        throw new ImageException(path, File.Exists(path) ? "this is not a picture that can be read." : "there is no such file.");
    }

    // Words with the blanks before them. A quote opens only where a word begins, so that apostrophes stay apostrophes.
    private static IEnumerable<string> Words(string line)
    {
        int start = 0;
        while (start < line.Length)
        {
            int index = start;
            while (index < line.Length && char.IsWhiteSpace(line[index]))
                index++;
            int closing = index < line.Length && line[index] is '"' or '\'' ? line.IndexOf(line[index], index + 1) : -1;
            if (closing > 0)
                index = closing + 1;
            while (index < line.Length && !char.IsWhiteSpace(line[index]))
                index += TypedPath.IsEscape(line, index) ? 2 : 1;
            yield return line[start..index];
            start = index;
        }
    }

    /// <param name="Blanks">What stands before it.</param>
    /// <param name="Text">Text, or the punctuation after a picture.</param>
    /// <param name="Path">The picture, or null.</param>
    private readonly record struct Part(string Blanks, string Text, string? Path);
}
