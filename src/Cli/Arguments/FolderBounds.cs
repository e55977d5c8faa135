namespace Tessera.Cli.Arguments;

/// <summary>The folders whose files others may name: what a path leads to, through all links, must lie in one of them.</summary>
/// <param name="folders">The folders.</param>
internal sealed class FolderBounds(IReadOnlyList<string> folders)
{
    private const int MostLinks = 40;
    private readonly string[] roots = [.. folders.Select(static folder => Resolve(Path.GetFullPath(folder)))];

    /// <summary>The path without any links.</summary>
    /// <exception cref="ImageException">It leads elsewhere, or is no whole path.</exception>
    public string Require(string path)
    {
        if (!Path.IsPathFullyQualified(path) || path.Contains('\0'))
            throw new ImageException(path, "it is no whole path of a file.");
        string target = Resolve(Path.GetFullPath(path));
        return roots.Any(root => IsWithin(target, root))
            ? target
            : throw new ImageException(path, "it lies outside of the folders that are allowed.");
    }

    /// <exception cref="TesseraException">One of them is no folder.</exception>
    public static FolderBounds Of(IReadOnlyList<string> folders, string option)
    {
        foreach (string folder in folders)
            if (!Directory.Exists(folder))
                throw new TesseraException($"{option}: {folder} is no folder.");
        return new FolderBounds(folders);
    }

    private static bool IsWithin(string path, string root)
    {
        StringComparison comparison = OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return path.StartsWith(Path.TrimEndingDirectorySeparator(root) + Path.DirectorySeparatorChar, comparison)
            || Path.GetPathRoot(root) == root && path.StartsWith(root, comparison);
    }

    // Part for part, as each folder on the way may be a link too.
    private static string Resolve(string full)
    {
        string resolved = Path.GetPathRoot(full)!;
        var parts = new Stack<string>(full[resolved.Length..].Split(Path.DirectorySeparatorChar).Reverse());
        int links = 0;
        while (parts.TryPop(out string? part))
        {
            if (part.Length == 0)
                continue;
            string next = Path.GetFullPath(Path.Combine(resolved, part));
            if (new FileInfo(next).LinkTarget is not { } target)
            {
                resolved = next;
                continue;
            }

            if (++links > MostLinks)
                throw new ImageException(full, "its links lead in a circle.");
            string led = Path.GetFullPath(Path.Combine(resolved, target));
            resolved = Path.GetPathRoot(led)!;
            foreach (string step in led[resolved.Length..].Split(Path.DirectorySeparatorChar).Reverse())
                parts.Push(step);
        }

        return resolved;
    }
}
