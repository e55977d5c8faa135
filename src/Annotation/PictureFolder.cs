using System.IO.Enumeration;

namespace Tessera.Annotation;

/// <summary>The pictures of a folder and of those in it, in the order of their names. Hidden files are left out, and links to folders are
/// not followed.</summary>
internal static class PictureFolder
{
    private static readonly string[] Extensions =
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".gif",
        ".tif",
        ".tiff",
        ".avif",
        ".heic",
        ".bmp",
    ];

    // One folder's names are held at a time, and those of the folders above it.
    private static readonly EnumerationOptions Entries = new()
    {
        AttributesToSkip = FileAttributes.Hidden | FileAttributes.System,
        IgnoreInaccessible = false,
    };

    /// <summary>The files whose path within the folder matches a pattern, or that are pictures or documents.</summary>
    /// <exception cref="TesseraException">The folder cannot be read; one within it that cannot is left out.</exception>
    public static IEnumerable<string> Files(string folder, PathPattern? pattern, Func<string, bool>? isDocument)
    {
        bool IsWanted(string path) => IsPicture(path) || isDocument?.Invoke(path) == true;
        var waiting = new Stack<(string Path, string Within)>([(folder, "")]);
        while (waiting.TryPop(out (string Path, string Within) next))
        {
            List<Entry> entries = List(next.Path, isFirst: next.Within.Length == 0);
            foreach (Entry entry in entries.Where(static entry => !entry.IsFolder))
                if (pattern?.Matches(next.Within + entry.Name) ?? IsWanted(Path.Combine(next.Path, entry.Name)))
                    yield return Path.Combine(next.Path, entry.Name);
            foreach (Entry entry in entries.Where(static entry => entry.IsFolder).Reverse())
                if (pattern?.MayHold($"{next.Within}{entry.Name}/") ?? true)
                    waiting.Push((Path.Combine(next.Path, entry.Name), $"{next.Within}{entry.Name}/"));
        }
    }

    // What calls itself a picture and is none gets a line that says so; what is one under another name is asked about.
    private static bool IsPicture(string path) =>
        Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase) || PromptImage.IsImageFile(path);

    private static List<Entry> List(string folder, bool isFirst)
    {
        try
        {
            List<Entry> entries =
            [
                .. new FileSystemEnumerable<Entry>(
                    folder,
                    static (ref System.IO.Enumeration.FileSystemEntry entry) => new Entry(entry.FileName.ToString(), entry.IsDirectory),
                    Entries
                )
                {
                    ShouldIncludePredicate = static (ref System.IO.Enumeration.FileSystemEntry entry) =>
                        !entry.IsDirectory || !entry.Attributes.HasFlag(FileAttributes.ReparsePoint),
                },
            ];
            entries.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
            return entries;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            return isFirst ? throw new TesseraException($"{folder}: it cannot be read ({failure.Message.TrimEnd('.')}).", failure) : [];
        }
    }

    private readonly record struct Entry(string Name, bool IsFolder);
}
