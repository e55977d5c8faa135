using System.Globalization;
using System.Text;
using Tessera.Cli.Chat.Editing;

namespace Tessera.Cli.Tests.Chat;

/// <summary>A small terminal: obeys what the editor writes, so that a test can look at the screen and the cursor.</summary>
internal sealed class ScreenModel(int width, int height = 24) : StringWriter(CultureInfo.InvariantCulture)
{
    private readonly List<List<string>> rows =
    [
        [],
    ];
    private bool isFull;

    public int Width { get; set; } = width;

    public int Height { get; } = height;

    public int CursorRow { get; private set; }

    public int CursorColumn { get; private set; }

    /// <summary>The rows, without blanks at their ends; those that scrolled away are still there.</summary>
    public string[] Lines => [.. rows.Select(static row => string.Concat(row).TrimEnd())];

    public override void Write(char value) => Write(value.ToString());

    public override void Write(StringBuilder? value) => Write(value?.ToString());

    public override void Write(string? value)
    {
        string text = value ?? "";
        for (int index = 0; index < text.Length; )
        {
            int length = text[index] == '\e' ? SequenceLength(text, index) : StringInfo.GetNextTextElementLength(text, index);
            string part = text.Substring(index, length);
            if (part[0] == '\e')
                Obey(part);
            else
                Put(part);
            index += length;
        }
    }

    private static int SequenceLength(string text, int start)
    {
        int end = start + 2;
        while (text[end] is < '@' or > '~')
            end++;
        return end - start + 1;
    }

    private void Obey(string sequence)
    {
        int count = int.TryParse(sequence.AsSpan(2, sequence.Length - 3), CultureInfo.InvariantCulture, out int value) ? value : 1;
        isFull = false;
        switch (sequence[^1])
        {
            case 'A':
                CursorRow = Math.Max(Math.Max(0, rows.Count - Height), CursorRow - count);
                break;
            case 'J' when sequence == "\e[2J":
                rows.Clear();
                rows.Add([]);
                CursorRow = CursorColumn = 0;
                break;
            case 'J':
                rows.RemoveRange(CursorRow + 1, rows.Count - CursorRow - 1);
                Clear();
                break;
            case 'K':
                Clear();
                break;
            case 'H':
                CursorRow = CursorColumn = 0;
                break;
            case 'm' or 'h' or 'l':
                break;
            default:
                throw new InvalidOperationException($"The screen does not know {sequence[1..]}.");
        }
    }

    private void Clear()
    {
        if (rows[CursorRow].Count > CursorColumn)
            rows[CursorRow].RemoveRange(CursorColumn, rows[CursorRow].Count - CursorColumn);
    }

    private void Put(string character)
    {
        switch (character)
        {
            case "\r":
                (CursorColumn, isFull) = (0, false);
                return;
            case "\n":
                Down();
                return;
            case "\r\n":
                CursorColumn = 0;
                Down();
                return;
        }

        int cells = TextWidth.OfCharacter(character);
        if (isFull || CursorColumn + cells > Width)
        {
            CursorColumn = 0;
            Down();
        }

        List<string> row = rows[CursorRow];
        while (row.Count < CursorColumn + cells)
            row.Add(" ");
        row[CursorColumn] = character;
        // The second half of a wide character is no cell of its own.
        for (int extra = 1; extra < cells; extra++)
            row[CursorColumn + extra] = "";
        CursorColumn += cells;
        isFull = CursorColumn == Width;
    }

    private void Down()
    {
        isFull = false;
        CursorRow++;
        if (CursorRow == rows.Count)
            rows.Add([]);
    }
}
