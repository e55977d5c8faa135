using System.Globalization;
using System.Text;

namespace Tessera.Cli.Chat.Editing;

/// <summary>Draws a line being edited, in place of what it drew before. Of a text taller than the screen, the part around the cursor
/// shows.</summary>
/// <param name="output">The terminal.</param>
/// <param name="size">Its columns and rows now.</param>
internal sealed class LineDrawing(TextWriter output, Func<(int Width, int Height)> size)
{
    private IReadOnlyList<int> drawnWidths = [];
    private int drawnCursorRow;
    private int drawnCursorColumn;

    /// <summary>Starts below what is on the screen.</summary>
    public void Begin() => (drawnWidths, drawnCursorRow, drawnCursorColumn) = ([], 0, 0);

    public void Draw(string prompt, string text, int cursor)
    {
        (int width, int height) = size();
        LineLayout layout = LineLayout.Of(prompt, text, cursor, width);
        int count = Math.Min(layout.Rows.Count, Math.Max(1, height - 1));
        int first = Math.Clamp(layout.CursorRow - count / 2, 0, layout.Rows.Count - count);
        var screen = new StringBuilder();
        MoveToStart(screen, width);
        screen.Append("\e[J");
        // Each row is ended explicitly: what a terminal does after a full row differs from one to the next.
        screen.AppendJoin("\r\n", layout.Rows.Skip(first).Take(count));
        MoveUp(screen, count - 1 - (layout.CursorRow - first));
        // Writing the row again up to the cursor puts it where the terminal has the character, however wide it takes emoji to be.
        screen.Append(layout.Rows[layout.CursorRow].AsSpan(0, layout.CursorIndex));
        output.Write(screen);
        output.Flush();
        (drawnWidths, drawnCursorRow) = ([.. layout.Widths.Skip(first).Take(count)], layout.CursorRow - first);
        drawnCursorColumn = TextWidth.Of(layout.Rows[layout.CursorRow][..layout.CursorIndex]);
    }

    /// <summary>Leaves the line on the screen whole and goes below it.</summary>
    public void Finish(string prompt, string text)
    {
        var screen = new StringBuilder();
        (int width, _) = size();
        LineLayout layout = LineLayout.Of(prompt, text, text.Length, width);
        MoveToStart(screen, width);
        screen.Append("\e[J").AppendJoin("\r\n", layout.Rows).Append(layout.Widths[^1] > 0 ? "\r\n" : "\r");
        output.Write(screen);
        output.Flush();
        Begin();
    }

    /// <summary>Takes the line off the screen.</summary>
    public void Erase()
    {
        var screen = new StringBuilder();
        MoveToStart(screen, size().Width);
        output.Write(screen.Append("\e[J"));
        output.Flush();
        Begin();
    }

    /// <summary>Clears the screen.</summary>
    public void ClearScreen()
    {
        output.Write("\e[H\e[2J");
        Begin();
    }

    // After the window became narrower, the terminal has broken the rows that no longer fit, the cursor's among them.
    private void MoveToStart(StringBuilder screen, int width) =>
        MoveUp(
            screen,
            drawnWidths.Take(drawnCursorRow).Sum(rowWidth => Math.Max(1, (rowWidth + width - 1) / width)) + drawnCursorColumn / width
        );

    private static void MoveUp(StringBuilder screen, int rowCount)
    {
        screen.Append('\r');
        if (rowCount > 0)
            screen.Append(CultureInfo.InvariantCulture, $"\e[{rowCount}A");
    }
}
