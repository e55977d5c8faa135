using System.Text;
using Tessera.Shared;

namespace Tessera.Annotation;

/// <summary>The words of a prompt that stand for parts of a picture's path: <c>{path}</c>, <c>{folder}</c>, the file's <c>{file}</c> and,
/// without extension, <c>{name}</c>. Other braces stay as they are.</summary>
public static class PromptWords
{
    // What marks a picture's place in a prompt; in a file's name it would ask for one more picture.
    private const string PictureMark = "<__media__>";
    private const int LongestPart = 1024;

    /// <summary>The words.</summary>
    public static IReadOnlyList<string> All { get; } = ["{path}", "{folder}", "{file}", "{name}"];

    /// <summary>The prompt for one path. What a path says is cleaned of control characters and cut where it is long.</summary>
    public static string Fill(string prompt, string path)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(path);
        if (!prompt.Contains('{', StringComparison.Ordinal))
            return prompt;
        var filled = new StringBuilder(prompt.Length);
        for (int at = 0; at < prompt.Length; )
        {
            string? word =
                prompt[at] == '{' ? All.FirstOrDefault(word => string.CompareOrdinal(prompt, at, word, 0, word.Length) == 0) : null;
            filled.Append(word is null ? prompt[at] : Clean(PartOf(path, word)));
            at += word?.Length ?? 1;
        }

        return filled.ToString();
    }

    private static string PartOf(string path, string word) =>
        word switch
        {
            "{folder}" => Path.GetFileName(Path.GetDirectoryName(path)) ?? "",
            "{file}" => Path.GetFileName(path),
            "{name}" => Path.GetFileNameWithoutExtension(path),
            _ => path,
        };

    private static string Clean(string part) =>
        PlainText
            .Clean(part.Length > LongestPart ? part[..LongestPart] : part)
            .Replace(PictureMark, "", StringComparison.Ordinal)
            .ReplaceLineEndings(" ");
}
