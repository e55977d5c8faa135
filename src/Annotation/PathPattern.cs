using System.IO.Enumeration;

namespace Tessera.Annotation;

/// <summary>A pattern of paths: <c>*</c> and <c>?</c> stand for characters within a name, a part <c>**</c> for any folders.</summary>
internal sealed class PathPattern
{
    private const string AnyFolders = "**";
    private readonly string[] parts;

    private PathPattern(string folder, string[] parts) => (Folder, this.parts) = (folder, parts);

    /// <summary>Where to look: the parts before the first one that stands for several.</summary>
    public string Folder { get; }

    /// <summary>Whether a text is a pattern and not one path.</summary>
    public static bool IsPattern(string text) => text.AsSpan().ContainsAny('*', '?');

    /// <summary>Reads a pattern.</summary>
    public static PathPattern Parse(string text)
    {
        string[] all = text.Replace('\\', OperatingSystem.IsWindows() ? '/' : '\\').Split('/');
        int first = Array.FindIndex(all, IsPattern);
        string folder = string.Join('/', all[..first]);
        return new PathPattern(
            folder.Length > 0 ? folder
                : first > 0 ? "/"
                : ".",
            [.. all[first..].Where(static part => part.Length > 0)]
        );
    }

    /// <summary>Whether a path within <see cref="Folder"/> matches; its parts are parted by slashes.</summary>
    public bool Matches(string path) => Matches(path.Split('/'), parts);

    /// <summary>Whether anything in a folder may match; the path ends with a slash.</summary>
    public bool MayHold(string folder)
    {
        int depth = folder.Count(static character => character == '/');
        return parts.AsSpan().Contains(AnyFolders) || depth < parts.Length;
    }

    private static bool Matches(ReadOnlySpan<string> path, ReadOnlySpan<string> pattern)
    {
        if (pattern.IsEmpty)
            return path.IsEmpty;
        if (pattern[0] == AnyFolders)
        {
            for (int skipped = 0; skipped <= path.Length; skipped++)
                if (Matches(path[skipped..], pattern[1..]))
                    return true;
            return false;
        }

        return !path.IsEmpty
            && FileSystemName.MatchesSimpleExpression(pattern[0], path[0], ignoreCase: OperatingSystem.IsWindows())
            && Matches(path[1..], pattern[1..]);
    }
}
