using System.Globalization;

namespace Tessera.Cli.Chat.Editing;

/// <summary>Text being edited, with a cursor that never stands inside a character as a person sees it.</summary>
internal sealed class EditBuffer
{
    private string killed = "";

    public string Text { get; private set; } = "";

    /// <summary>Where the next character goes, in UTF-16 units.</summary>
    public int Cursor { get; private set; }

    public void Replace(string text) => (Text, Cursor) = (text, text.Length);

    public void MoveTo(int position) => Cursor = Math.Clamp(position, 0, Text.Length);

    public void Insert(string text)
    {
        if (Text.Length + text.Length > InputLine.MaxLength)
            return;
        Text = Text.Insert(Cursor, text);
        Cursor += text.Length;
        // What is inserted may join what stands after it.
        Snap();
    }

    /// <summary>Moves the cursor out of a character that it stands inside.</summary>
    public void Snap() => Cursor = Boundaries().FirstOrDefault(boundary => boundary >= Cursor, Text.Length);

    public void Left() => Cursor = Before(Cursor);

    public void Right() => Cursor = After(Cursor);

    public void WordLeft() => Cursor = WordStart();

    public void WordRight() => Cursor = WordEnd();

    public void Home() => Cursor = LineStart(Cursor);

    public void End() => Cursor = LineEnd(Cursor);

    public void Backspace() => Remove(Before(Cursor), Cursor);

    public void Delete() => Remove(Cursor, After(Cursor));

    public void KillToStart() => Kill(LineStart(Cursor), Cursor);

    // At the end of a line its line feed goes, so that two lines join.
    public void KillToEnd() => Kill(Cursor, LineEnd(Cursor) == Cursor ? After(Cursor) : LineEnd(Cursor));

    public void KillWordBefore() => Kill(WordStart(), Cursor);

    public void KillWordAfter() => Kill(Cursor, WordEnd());

    public void Yank() => Insert(killed);

    /// <summary>Replaces a stretch of text.</summary>
    public void Replace(int start, int end, string text)
    {
        Remove(start, end);
        Insert(text);
    }

    public int LineStart(int position) => position == 0 ? 0 : Text.LastIndexOf('\n', position - 1) + 1;

    public int LineEnd(int position) => Text.IndexOf('\n', position) is >= 0 and int end ? end : Text.Length;

    private void Kill(int start, int end)
    {
        if (end > start)
            killed = Text[start..end];
        Remove(start, end);
    }

    private void Remove(int start, int end) => (Text, Cursor) = (Text.Remove(start, end - start), start);

    private int Before(int position) => Boundaries().LastOrDefault(boundary => boundary < position, 0);

    private int After(int position) => position < Text.Length ? position + StringInfo.GetNextTextElementLength(Text, position) : position;

    private int WordStart()
    {
        int position = Cursor;
        while (position > 0 && char.IsWhiteSpace(Text[position - 1]))
            position--;
        while (position > 0 && !char.IsWhiteSpace(Text[position - 1]))
            position--;
        return position;
    }

    private int WordEnd()
    {
        int position = Cursor;
        while (position < Text.Length && char.IsWhiteSpace(Text[position]))
            position++;
        while (position < Text.Length && !char.IsWhiteSpace(Text[position]))
            position++;
        return position;
    }

    // Starts of the characters on the cursor's line and the one before: those further off are never asked for.
    private IEnumerable<int> Boundaries()
    {
        int index = LineStart(Math.Max(0, LineStart(Cursor) - 1));
        for (; index < Text.Length; index += StringInfo.GetNextTextElementLength(Text, index))
            yield return index;
        yield return Text.Length;
    }
}
