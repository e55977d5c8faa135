using Tessera.Shared;

namespace Tessera.Cli.Chat.Editing;

/// <summary>Edits a line in a terminal: cursor keys, readline's letters, history, completion, several lines.</summary>
/// <param name="keys">The keyboard.</param>
/// <param name="drawing">The screen.</param>
/// <param name="history">Lines sent before.</param>
/// <param name="complete">What the text before the cursor could go on as.</param>
/// <param name="output">Where candidates are listed.</param>
internal sealed class LineEditor(
    IKeySource keys,
    LineDrawing drawing,
    LineHistory history,
    Func<string, Completion> complete,
    TextWriter output
) : ILineSource
{
    private readonly EditBuffer buffer = new();
    private readonly Lock gate = new();
    private bool isEditing;
    private string shownPrompt = "";
    private List<string> drafts = [];
    private int draft;
    private bool listsCandidates;
    private HistorySearch? search;

    /// <summary>What stands in the line.</summary>
    public EditBuffer Buffer => buffer;

    public InputLine Read(string prompt, string initial = "")
    {
        shownPrompt = prompt;
        buffer.Replace(initial);
        drafts = [.. history.Lines, initial];
        draft = drafts.Count - 1;
        search = null;
        keys.SetEditing(true);
        drawing.Begin();
        isEditing = true;
        try
        {
            while (true)
            {
                Redraw();
                Key key = keys.Read();
                lock (gate)
                {
                    if (Apply(key) is not { } end)
                        continue;
                    isEditing = false;
                    if (end == LineEnd.Paste)
                        drawing.Erase();
                    else
                        drawing.Finish(prompt, buffer.Text);
                    if (end == LineEnd.Sent)
                        history.Add(buffer.Text);
                    return new InputLine(end, end is LineEnd.Sent or LineEnd.Paste ? buffer.Text : "");
                }
            }
        }
        finally
        {
            isEditing = false;
            keys.SetEditing(false);
        }
    }

    /// <summary>Draws the line again, after the window's size changed; from any thread.</summary>
    public void Redraw()
    {
        lock (gate)
        {
            if (isEditing)
                drawing.Draw(search?.Prompt ?? shownPrompt, buffer.Text, buffer.Cursor);
        }
    }

    // Null while the line goes on.
    private LineEnd? Apply(Key key)
    {
        bool wasListing = listsCandidates;
        listsCandidates = false;
        if (search is not null && Search(key))
            return null;
        switch (key.Kind)
        {
            case KeyKind.Send:
                return SendOrContinue();
            case KeyKind.Interrupt:
                if (buffer.Text.Length == 0)
                    return LineEnd.Interrupted;
                buffer.Replace("");
                return null;
            case KeyKind.EndOfInput:
                if (buffer.Text.Length == 0)
                    return LineEnd.EndOfInput;
                buffer.Delete();
                return null;
            case KeyKind.SearchHistory:
                search = new HistorySearch(history.Lines, buffer.Text);
                return null;
            case KeyKind.Suspend:
                Suspend();
                return null;
            case KeyKind.PasteClipboard:
                return LineEnd.Paste;
            case KeyKind.Complete:
                Complete(wasListing);
                return null;
            case KeyKind.ClearScreen:
                drawing.ClearScreen();
                return null;
            case KeyKind.Up:
                MoveLine(-1);
                return null;
            case KeyKind.Down:
                MoveLine(1);
                return null;
            default:
                Edit(key);
                return null;
        }
    }

    // Whether the key belongs to the search; any other one ends it with what was found, and does what it does.
    private bool Search(Key key)
    {
        switch (key.Kind)
        {
            case KeyKind.Text:
                search!.Type(key.Text);
                break;
            case KeyKind.Backspace:
                search!.Backspace();
                break;
            case KeyKind.SearchHistory:
                search!.Older();
                break;
            case KeyKind.Cancel or KeyKind.Interrupt:
                buffer.Replace(search!.Before);
                search = null;
                return true;
            default:
                search = null;
                return false;
        }

        buffer.Replace(search.Found);
        buffer.MoveTo(search.Cursor);
        buffer.Snap();
        return true;
    }

    // The line is left on the screen, and drawn again below what the shell wrote.
    private void Suspend()
    {
        if (!Suspension.IsThere)
            return;
        int cursor = buffer.Cursor;
        drawing.Finish(shownPrompt, buffer.Text);
        keys.SetEditing(false);
        Suspension.Stop();
        keys.SetEditing(true);
        buffer.MoveTo(cursor);
    }

    private LineEnd? SendOrContinue()
    {
        if (buffer.Cursor > 0 && buffer.Cursor == buffer.LineEnd(buffer.Cursor) && buffer.Text[buffer.Cursor - 1] == '\\')
        {
            buffer.Backspace();
            buffer.Insert("\n");
            return null;
        }

        buffer.MoveTo(buffer.Text.Length);
        return LineEnd.Sent;
    }

    private void Edit(Key key)
    {
        switch (key.Kind)
        {
            case KeyKind.Text or KeyKind.Paste:
                buffer.Insert(key.Text);
                break;
            case KeyKind.NewLine:
                buffer.Insert("\n");
                break;
            case KeyKind.Backspace:
                buffer.Backspace();
                break;
            case KeyKind.Delete:
                buffer.Delete();
                break;
            case KeyKind.Left:
                buffer.Left();
                break;
            case KeyKind.Right:
                buffer.Right();
                break;
            case KeyKind.WordLeft:
                buffer.WordLeft();
                break;
            case KeyKind.WordRight:
                buffer.WordRight();
                break;
            case KeyKind.Home:
                buffer.Home();
                break;
            case KeyKind.End:
                buffer.End();
                break;
            case KeyKind.KillToStart:
                buffer.KillToStart();
                break;
            case KeyKind.KillToEnd:
                buffer.KillToEnd();
                break;
            case KeyKind.KillWordBefore:
                buffer.KillWordBefore();
                break;
            case KeyKind.KillWordAfter:
                buffer.KillWordAfter();
                break;
            case KeyKind.Yank:
                buffer.Yank();
                break;
        }
    }

    // Within a text of several lines the cursor moves; beyond its first or last one, history comes.
    private void MoveLine(int step)
    {
        int start = buffer.LineStart(buffer.Cursor),
            end = buffer.LineEnd(buffer.Cursor),
            column = buffer.Cursor - start;
        if (step < 0 && start > 0)
        {
            buffer.MoveTo(Math.Min(buffer.LineStart(start - 1) + column, start - 1));
        }
        else if (step > 0 && end < buffer.Text.Length)
        {
            buffer.MoveTo(Math.Min(end + 1 + column, buffer.LineEnd(end + 1)));
        }
        else if (draft + step >= 0 && draft + step < drafts.Count)
        {
            drafts[draft] = buffer.Text;
            draft += step;
            buffer.Replace(drafts[draft]);
            return;
        }

        buffer.Snap();
    }

    // The first Tab completes as far as all candidates agree, the second one lists them.
    private void Complete(bool wasListing)
    {
        Completion found = complete(buffer.Text[..buffer.Cursor]);
        if (found.Candidates.Count == 0)
            return;
        string common = found.CommonStart();
        bool goesOn = common.Length > buffer.Cursor - found.Start || found.Candidates.Count == 1;
        if (goesOn)
            buffer.Replace(found.Start, buffer.Cursor, common);
        listsCandidates = !goesOn;
        if (!goesOn && wasListing)
            List(found);
    }

    private void List(Completion found)
    {
        int cursor = buffer.Cursor;
        drawing.Finish(shownPrompt, buffer.Text);
        output.WriteLine(PlainText.Clean(found.Describe()));
        buffer.MoveTo(cursor);
    }
}
