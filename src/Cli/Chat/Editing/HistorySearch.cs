using System.Globalization;

namespace Tessera.Cli.Chat.Editing;

/// <summary>Ctrl+R: looks for what was sent before and holds what is typed, newest first, in any case of letters.</summary>
/// <param name="lines">Lines that were sent, oldest first.</param>
/// <param name="before">The text that stood in the line.</param>
internal sealed class HistorySearch(IReadOnlyList<string> lines, string before)
{
    private string query = "";
    private int position = lines.Count;

    /// <summary>The line that was found, or what stood there before.</summary>
    public string Found => position < lines.Count ? lines[position] : Before;

    /// <summary>The text that stood in the line.</summary>
    public string Before => before;

    /// <summary>What is shown before the line.</summary>
    public string Prompt => $"{(IsLost ? "not found" : "search")} '{query}': ";

    /// <summary>Where in <see cref="Found"/> the words are.</summary>
    public int Cursor => position < lines.Count && query.Length > 0 ? Math.Max(0, IndexIn(lines[position])) : Found.Length;

    private bool IsLost { get; set; }

    /// <summary>Adds to what is looked for.</summary>
    public void Type(string text)
    {
        query += text;
        Find(Math.Min(position, lines.Count - 1));
    }

    /// <summary>Takes the last character back, and begins at the newest line again.</summary>
    public void Backspace()
    {
        int[] starts = StringInfo.ParseCombiningCharacters(query);
        query = starts.Length > 0 ? query[..starts[^1]] : "";
        Find(lines.Count - 1);
    }

    /// <summary>Goes on to an older line.</summary>
    public void Older() => Find(position - 1);

    private void Find(int from)
    {
        if (query.Length == 0)
        {
            (position, IsLost) = (lines.Count, false);
            return;
        }

        for (int index = from; index >= 0; index--)
            if (IndexIn(lines[index]) >= 0)
            {
                (position, IsLost) = (index, false);
                return;
            }

        IsLost = true;
    }

    private int IndexIn(string line) => line.IndexOf(query, StringComparison.OrdinalIgnoreCase);
}
