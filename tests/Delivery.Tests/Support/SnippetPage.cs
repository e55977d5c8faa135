namespace Tessera.Delivery.Tests.Support;

/// <summary>A piece of C# in a page of the documentation.</summary>
/// <param name="Code">What stands between the fences.</param>
/// <param name="Line">The line on which it begins, from 1.</param>
/// <param name="IsRun">False where the line above says that it is only compiled.</param>
internal sealed record Snippet(string Code, int Line, bool IsRun);

/// <summary>Finds the C# in a page.</summary>
internal static class SnippetPage
{
    /// <summary>A line with this above a snippet says that it is compiled, but not run.</summary>
    public const string NotRunMark = "<!-- compiled, not run -->";

    /// <summary>The pages that the tests read, relative to the repository.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        .. Directory
            .EnumerateFiles(RepositoryRoot.Path("docs"), "*.md")
            .Select(static path => $"docs/{Path.GetFileName(path)}")
            .Order(StringComparer.Ordinal),
    ];

    public static IReadOnlyList<Snippet> Read(string page)
    {
        string[] lines = File.ReadAllLines(RepositoryRoot.Path(page));
        var snippets = new List<Snippet>();
        for (int index = 0; index < lines.Length; index++)
        {
            if (lines[index] != "```csharp")
                continue;
            int end = Array.IndexOf(lines, "```", index);
            snippets.Add(new Snippet(string.Join('\n', lines[(index + 1)..end]), index + 2, index == 0 || lines[index - 1] != NotRunMark));
            index = end;
        }

        return snippets;
    }
}
