using System.IO.Enumeration;

namespace Tessera.Cli.Chat;

/// <summary>Names with a * in them, as shells expand them.</summary>
internal static class FilePattern
{
    // No context holds more.
    private const int MostPictures = 100;
    private const int MostEntries = 100_000;

    /// <summary>The pictures that a pattern such as <c>Pictures/*.png</c> means, in the order of their names; null for what is no pattern
    /// of pictures.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="takesAny">Whether a * alone is a pattern too.</param>
    /// <exception cref="ImageException">They are too many, or the folder cannot be read.</exception>
    public static IReadOnlyList<string>? Expand(string pattern, bool takesAny)
    {
        string name = Path.GetFileName(pattern),
            folder = pattern[..^name.Length];
        if (!name.Contains('*') || folder.Contains('*') || folder.Contains('\0') || (!takesAny && pattern.Trim('*').Length == 0))
            return null;
        try
        {
            string[] found =
            [
                .. new DirectoryInfo(folder.Length == 0 ? "." : folder)
                    .EnumerateFiles()
                    .Take(MostEntries)
                    .Select(static file => file.Name)
                    .Where(file => FileSystemName.MatchesSimpleExpression(name, file, ignoreCase: OperatingSystem.IsWindows()))
                    .Where(file => !file.StartsWith('.') && PromptImage.IsImageFile(folder + file))
                    .Order(StringComparer.Ordinal)
                    .Take(MostPictures + 1)
                    .Select(file => folder + file),
            ];
            return found.Length switch
            {
                0 => null,
                > MostPictures => throw new ImageException(pattern, $"more than {MostPictures} pictures have such names: name fewer."),
                _ => found,
            };
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
    }
}
