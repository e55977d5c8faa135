using Tessera.Cli.Arguments;

namespace Tessera.Cli.Chat;

/// <summary>What names of pictures look like, whether or not there are any.</summary>
internal static class NameShape
{
    private static readonly char[] Separators = OperatingSystem.IsWindows() ? ['/', '\\'] : ['/'];

    /// <summary>Whether a name ends as a picture's does, or a page's of a PDF; of an address its path does.</summary>
    public static bool LooksLikePicture(string name)
    {
        string bare = name.Trim('"', '\'');
        if (ImageInputs.IsAddress(bare))
            return Uri.TryCreate(bare, UriKind.Absolute, out Uri? address) && ImageInputs.HasPictureEnding(address.AbsolutePath);
        return HasStem(bare) && (ImageInputs.HasPictureEnding(bare) || IsPage(bare));
    }

    /// <summary>Refuses a word that looks like a picture, where there is none.</summary>
    /// <param name="words">The words around it, with the blanks before each.</param>
    /// <param name="index">Which it is.</param>
    /// <param name="word">The word alone.</param>
    /// <exception cref="ImageException">It does; the message names it, with the words before it that seem to be of its path.</exception>
    public static void RequireNoLostPicture(string[] words, int index, string word)
    {
        if (ImageInputs.IsAddress(word.Trim('"', '\'')) || !LooksLikePicture(word))
            return;
        bool isAddress = word.StartsWith("file:/", StringComparison.OrdinalIgnoreCase);
        if (isAddress && TypedPath.OfFileAddress(word) is null)
            throw new ImageException(word, "this address is not one of this machine: copy the file here.");
        string name = File.Exists(TypedPath.Resolve(word)) ? word : WithFolder(words, index, word),
            path = TypedPath.Resolve(name);
        // Which says what is wrong with the name of a page.
        _ = PdfPages.Find(path);
        throw new ImageException(
            path,
            path.Contains('*') ? "no picture has such a name."
                : File.Exists(path) ? "this is not a picture that can be read."
                : "there is no such file."
        );
    }

    // "Pictures/my cat.png" has its folder in a word before the one that looks like a picture.
    private static string WithFolder(string[] words, int index, string word)
    {
        const int MostWords = 6;
        if (word.IndexOfAny(Separators) >= 0 || word[0] is '"' or '\'')
            return word;
        for (int first = index - 1; first >= Math.Max(0, index - MostWords); first--)
            if (words[first].IndexOfAny(Separators) >= 0 && !LooksLikePicture(words[first].Trim()))
                return string.Concat(words[first..index]).TrimStart() + words[index][..^words[index].TrimStart().Length] + word;
        return word;
    }

    // ".png" alone is a kind of file, not a file.
    private static bool HasStem(string name) => Path.GetFileNameWithoutExtension(name).Length > 0;

    private static bool IsPage(string name)
    {
        int mark = name.LastIndexOf('#');
        return Path.GetExtension(mark < 0 ? name : name[..mark]).Equals(".pdf", StringComparison.OrdinalIgnoreCase);
    }
}
