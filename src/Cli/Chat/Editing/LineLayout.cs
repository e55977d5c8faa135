using System.Globalization;
using System.Text;
using Tessera.Shared;

namespace Tessera.Cli.Chat.Editing;

/// <summary>A prompt and a text broken into the rows of a screen.</summary>
/// <param name="Rows">The rows.</param>
/// <param name="Widths">Columns that each takes.</param>
/// <param name="CursorRow">The cursor's row.</param>
/// <param name="CursorIndex">Where in that row's text it stands.</param>
internal sealed record LineLayout(IReadOnlyList<string> Rows, IReadOnlyList<int> Widths, int CursorRow, int CursorIndex)
{
    private const int TabWidth = 4;

    /// <summary>Breaks at the screen's width and at line feeds; further lines stand under the first one's text.</summary>
    /// <param name="prompt">What stands before the text.</param>
    /// <param name="text">The text.</param>
    /// <param name="cursor">The cursor's place in the text.</param>
    /// <param name="width">Columns of the screen, at least 1.</param>
    public static LineLayout Of(string prompt, string text, int cursor, int width)
    {
        var rows = new RowBuilder(width);
        rows.AddAll(prompt);
        string indent = new(' ', TextWidth.Of(prompt));
        (int Row, int Index)? place = null;
        for (int index = 0; index < text.Length; )
        {
            int length = StringInfo.GetNextTextElementLength(text, index);
            string character = text.Substring(index, length);
            if (character != "\n")
                rows.MakeRoom(character);
            if (index >= cursor)
                place ??= rows.Place;
            if (character is "\n" or "\r\n")
            {
                rows.Break();
                rows.AddAll(indent);
            }
            else
            {
                rows.Add(character);
            }

            index += length;
        }

        // At the right edge the cursor has no cell of its own, so it waits at the start of the next row.
        if (place is null)
            rows.MakeRoom(" ");
        (int row, int cursorIndex) = place ?? rows.Place;
        return new LineLayout(rows.Rows, rows.Widths, row, cursorIndex);
    }

    private static string Shown(string character) =>
        character switch
        {
            "\t" => new string(' ', TabWidth),
            [var control] when PlainText.IsHarmful(control) => "\uFFFD",
            _ => character,
        };

    private sealed class RowBuilder(int width)
    {
        private readonly List<StringBuilder> rows = [new()];
        private readonly List<int> widths = [0];

        public IReadOnlyList<string> Rows => [.. rows.Select(static row => row.ToString())];

        public IReadOnlyList<int> Widths => widths;

        public (int Row, int Index) Place => (rows.Count - 1, rows[^1].Length);

        public void AddAll(string text)
        {
            for (int index = 0; index < text.Length; )
            {
                int length = StringInfo.GetNextTextElementLength(text, index);
                MakeRoom(text.Substring(index, length));
                Add(text.Substring(index, length));
                index += length;
            }
        }

        public void MakeRoom(string character)
        {
            if (widths[^1] > 0 && widths[^1] + TextWidth.Of(Shown(character)) > width)
                Break();
        }

        public void Add(string character)
        {
            string shown = Shown(character);
            rows[^1].Append(shown);
            widths[^1] += TextWidth.Of(shown);
        }

        public void Break()
        {
            rows.Add(new StringBuilder());
            widths.Add(0);
        }
    }
}
