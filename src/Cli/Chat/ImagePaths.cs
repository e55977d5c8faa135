using Tessera.Cli.Arguments;

namespace Tessera.Cli.Chat;

/// <summary>A line with the pictures that it names.</summary>
/// <param name="Text">The text; a picture in the middle of it has left <see cref="Marker"/>, those at its ends nothing.</param>
/// <param name="Paths">Files, pages and addresses, in the order of the text.</param>
internal sealed record LineWithImages(string Text, IReadOnlyList<string> Paths)
{
    /// <summary>Stands for a picture in a message.</summary>
    public const string Marker = "<__media__>";
}

/// <summary>
/// Finds the pictures that a line names: files as people type them, blanks and all, or as terminals write what is dropped on them (quoted,
/// with escaped blanks, or as a file address), pages of PDF files, addresses of the web, and patterns such as <c>*.png</c>. What looks like
/// a picture and is none is told: asked about a name, a model invents an answer.
/// </summary>
/// <param name="isImage">Whether there is a picture's file at a path.</param>
internal sealed class ImagePaths(Func<string, bool> isImage)
{
    // Words of a name with blanks that nothing quotes.
    private const int MostWords = 16;
    private static readonly char[] TrailingPunctuation = ['?', '!', '.', ',', ';', ':', ')'];

    /// <summary>Looks at the files of this machine.</summary>
    public static ImagePaths OfThisMachine { get; } = new(IsPicture);

    /// <summary>Looks at the files of this machine, in what can only be pictures.</summary>
    public static ImagePaths OnlyPictures { get; } = new(IsPicture) { HoldsOnlyPictures = true };

    private static bool IsPicture(string path) => PromptImage.IsImageFile(path) || PdfPages.IsName(path);

    /// <summary>Whether every address of the web and every pattern is a picture's, not only those that look like one.</summary>
    public bool HoldsOnlyPictures { get; init; }

    /// <exception cref="ImageException">The line names a picture that is not there or cannot be read.</exception>
    public LineWithImages Find(string line)
    {
        // A name that does not look like a picture's can only be told when it is alone.
        if (Files(line.Trim()) is { } only)
            return new LineWithImages("", only);
        string[] words = [.. Words(line)];
        var parts = new List<Part>();
        int next = 0;
        for (int end = 0; end < words.Length; end++)
        {
            int first = LongestName(words, next, end, out Part found);
            if (first < 0)
                continue;
            parts.AddRange(Plain(words[next..first]));
            parts.Add(found);
            next = end + 1;
        }

        parts.AddRange(Plain(words[next..]));
        string[] paths = [.. parts.SelectMany(static part => part.Paths)];
        return paths.Length == 0 ? new LineWithImages(line, []) : new LineWithImages(TextOf(parts), paths);
    }

    // The first word of the longest name that ends with a word and is not before the next that is free; -1 if it ends none.
    private int LongestName(string[] words, int next, int end, out Part found)
    {
        bool mayHaveBlanks = NameShape.LooksLikePicture(words[end].Trim().TrimEnd(TrailingPunctuation));
        for (int first = mayHaveBlanks ? Math.Max(next, end - MostWords + 1) : end; first <= end; first++)
            if (Recognise(string.Concat(words[first..(end + 1)])) is { } part)
            {
                found = part;
                return first;
            }

        found = default;
        return -1;
    }

    private Part? Recognise(string name)
    {
        string bare = name.TrimStart(),
            blanks = name[..^bare.Length];
        string shorter = bare.TrimEnd(TrailingPunctuation);
        // An address may end in any of it, and hardly does.
        if (!ImageInputs.IsAddress(bare) && Files(bare) is { } all)
            return new Part(blanks, "", all);
        if (ImageInputs.IsAddress(bare) && Pictures(shorter) is { } address)
            return new Part(blanks, bare[shorter.Length..], address);
        return shorter.Length < bare.Length && Pictures(shorter) is { } before ? new Part(blanks, bare[shorter.Length..], before) : null;
    }

    private IReadOnlyList<string>? Pictures(string name)
    {
        if (ImageInputs.IsAddress(name))
            return HoldsOnlyPictures || NameShape.LooksLikePicture(name) ? [name] : null;
        return Files(name);
    }

    // A name as files: the file of that name, its pages, or what a pattern matches.
    private IReadOnlyList<string>? Files(string name)
    {
        if (name.Length == 0 || name.Contains('\n'))
            return null;
        string? path = new[] { TypedPath.OfFileAddress(name), TypedPath.WithHome(name), TypedPath.Unquote(name) }
            .OfType<string>()
            .FirstOrDefault(isImage);
        return path is null ? FilePattern.Expand(TypedPath.Unquote(name), HoldsOnlyPictures) : PdfPages.Each(path);
    }

    // Words that are no pictures, unless one seems to be.
    private static IEnumerable<Part> Plain(string[] words)
    {
        for (int index = 0; index < words.Length; index++)
        {
            string bare = words[index].TrimStart();
            NameShape.RequireNoLostPicture(words, index, bare.TrimEnd(TrailingPunctuation));
            yield return new Part(words[index][..^bare.Length], bare, []);
        }
    }

    private static string TextOf(List<Part> parts)
    {
        int first = parts.FindIndex(static part => part.Text.Length > 0),
            last = parts.FindLastIndex(static part => part.Text.Length > 0);
        if (first < 0)
            return "";
        bool isMixed = parts.Where((part, index) => part.Paths.Count > 0 && index > first && index < last).Any();
        return string.Concat(
                parts.Select(part =>
                    part.Paths.Count == 0 || isMixed
                        ? part.Blanks + string.Concat(Enumerable.Repeat(LineWithImages.Marker, part.Paths.Count)) + part.Text
                        : part.Text
                )
            )
            .Trim();
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
            index = Math.Min(index, line.Length);
            yield return line[start..index];
            start = index;
        }
    }

    /// <param name="Blanks">What stands before it.</param>
    /// <param name="Text">Text, or the punctuation after a picture.</param>
    /// <param name="Paths">The pictures.</param>
    private readonly record struct Part(string Blanks, string Text, IReadOnlyList<string> Paths);
}
