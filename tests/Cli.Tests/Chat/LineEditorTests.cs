using Tessera.Cli.Chat;
using Tessera.Cli.Chat.Editing;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

public sealed class LineEditorTests
{
    [Theory]
    [InlineData("abc", new[] { KeyKind.Left, KeyKind.Backspace }, "a|c")]
    [InlineData("abc", new[] { KeyKind.Home, KeyKind.Delete }, "|bc")]
    [InlineData("abc", new[] { KeyKind.Home, KeyKind.Right, KeyKind.KillToEnd }, "a|")]
    [InlineData("abc def", new[] { KeyKind.KillWordBefore }, "abc |")]
    [InlineData("abc def ", new[] { KeyKind.KillWordBefore }, "abc |")]
    [InlineData("abc def", new[] { KeyKind.WordLeft, KeyKind.KillToStart }, "|def")]
    [InlineData("abc def", new[] { KeyKind.Home, KeyKind.WordRight }, "abc| def")]
    [InlineData("abc def", new[] { KeyKind.KillWordBefore, KeyKind.Home, KeyKind.Yank }, "def|abc ")]
    [InlineData("abc def", new[] { KeyKind.Home, KeyKind.KillWordAfter }, "| def")]
    [InlineData("ab", new[] { KeyKind.Left, KeyKind.Left, KeyKind.Left, KeyKind.Backspace }, "|ab")]
    [InlineData("a👨‍👩‍👧b", new[] { KeyKind.Left, KeyKind.Backspace }, "a|b")]
    [InlineData("e\u0301x", new[] { KeyKind.Left, KeyKind.Left, KeyKind.Delete }, "|x")]
    [InlineData("one\ntwo", new[] { KeyKind.Home, KeyKind.Backspace }, "one|two")]
    [InlineData("one\ntwo", new[] { KeyKind.Up, KeyKind.KillToEnd }, "one|two")]
    [InlineData("one\ntwo", new[] { KeyKind.Up, KeyKind.Home, KeyKind.Down, KeyKind.End }, "one\ntwo|")]
    internal void Keys_change_the_line(string text, KeyKind[] keys, string expected)
    {
        EditBuffer buffer = Press(new ScreenModel(80), [new Key(KeyKind.Paste, text), .. keys.Select(static kind => new Key(kind))]);
        Assert.Equal(expected, buffer.Text.Insert(buffer.Cursor, "|"));
    }

    [Fact]
    public void A_line_is_sent_whole_wherever_the_cursor_stands()
    {
        InputLine line = Read(new ScreenModel(80), [.. ScriptedKeys.Type("hello"), new Key(KeyKind.Home), new Key(KeyKind.Send)]);
        Assert.Equal(new InputLine(LineEnd.Sent, "hello"), line);
    }

    [Fact]
    public void A_backslash_at_the_end_and_Alt_Enter_begin_new_lines()
    {
        InputLine line = Read(
            new ScreenModel(80),
            [
                .. ScriptedKeys.Type("a\\"),
                new Key(KeyKind.Send),
                .. ScriptedKeys.Type("b"),
                new Key(KeyKind.NewLine),
                .. ScriptedKeys.Type("c"),
                new Key(KeyKind.Send),
            ]
        );
        Assert.Equal(new InputLine(LineEnd.Sent, "a\nb\nc"), line);
    }

    [Fact]
    public void Line_feeds_in_a_paste_do_not_send()
    {
        InputLine line = Read(new ScreenModel(80), [new Key(KeyKind.Paste, "a\nb\n"), .. ScriptedKeys.Type("c"), new Key(KeyKind.Send)]);
        Assert.Equal("a\nb\nc", line.Text);
    }

    [Fact]
    public void Ctrl_C_empties_the_line_and_then_interrupts()
    {
        Assert.Equal(
            LineEnd.Interrupted,
            Read(new ScreenModel(80), [.. ScriptedKeys.Type("ab"), new Key(KeyKind.Interrupt), new Key(KeyKind.Interrupt)]).End
        );
        Assert.Equal(
            LineEnd.EndOfInput,
            Read(new ScreenModel(80), [.. ScriptedKeys.Type("a"), new Key(KeyKind.Backspace), new Key(KeyKind.EndOfInput)]).End
        );
    }

    [Fact]
    public void Up_brings_earlier_lines_and_Down_the_draft_back()
    {
        LineHistory history = LineHistory.Load(null);
        history.Add("first");
        history.Add("second");
        Key up = new(KeyKind.Up),
            down = new(KeyKind.Down);
        Assert.Equal("first", Press(new ScreenModel(80), [.. ScriptedKeys.Type("draft"), up, up, up], history).Text);
        Assert.Equal("draft", Press(new ScreenModel(80), [.. ScriptedKeys.Type("draft"), up, up, down, down, down], history).Text);
        Assert.Equal("second!", Press(new ScreenModel(80), [up, .. ScriptedKeys.Type("!"), up, down], history).Text);
    }

    [Fact]
    public void The_screen_shows_the_line_and_the_cursor()
    {
        var screen = new ScreenModel(80);
        Press(screen, [.. ScriptedKeys.Type("hello"), new Key(KeyKind.Left), new Key(KeyKind.Left)]);
        Assert.Equal(["> hello"], screen.Lines);
        Assert.Equal((0, 5), (screen.CursorRow, screen.CursorColumn));
    }

    [Fact]
    public void A_long_line_wraps_at_the_edge()
    {
        var screen = new ScreenModel(10);
        Press(screen, ScriptedKeys.Type("abcdefghijklmnopqr"));
        Assert.Equal(["> abcdefgh", "ijklmnopqr", ""], screen.Lines);
        Assert.Equal((2, 0), (screen.CursorRow, screen.CursorColumn));
    }

    [Fact]
    public void A_wide_character_that_does_not_fit_goes_to_the_next_row()
    {
        var screen = new ScreenModel(9);
        Press(screen, [new Key(KeyKind.Paste, "日本語日本語"), new Key(KeyKind.Left)]);
        Assert.Equal(["> 日本語", "日本語"], screen.Lines);
        Assert.Equal((1, 4), (screen.CursorRow, screen.CursorColumn));
    }

    [Fact]
    public void Editing_a_wrapped_line_leaves_nothing_behind()
    {
        var screen = new ScreenModel(10);
        Press(screen, [.. ScriptedKeys.Type("abcdefghijklmnopqrstuvwxyz"), new Key(KeyKind.KillToStart), .. ScriptedKeys.Type("x")]);
        Assert.Equal(["> x"], screen.Lines);
    }

    [Fact]
    public void A_text_taller_than_the_window_shows_the_part_around_the_cursor()
    {
        var screen = new ScreenModel(20, height: 5);
        string text = string.Join('\n', Enumerable.Range(1, 20));
        Press(screen, [new Key(KeyKind.Paste, text), new Key(KeyKind.Home)]);
        Assert.Equal(["  17", "  18", "  19", "  20"], screen.Lines);
    }

    [Fact]
    public void After_the_window_became_narrower_the_line_is_drawn_over_its_old_rows()
    {
        using var written = new StringWriter();
        int width = 20;
        var drawing = new LineDrawing(written, () => (width, 24));
        drawing.Draw("> ", "abcdefghijklmnop\n1", 18);
        written.GetStringBuilder().Clear();
        width = 10;
        drawing.Draw("> ", "abcdefghijklmnop\n12", 19);

        // What a terminal makes of the two rows, and then what the editor draws over them.
        var narrow = new ScreenModel(10);
        narrow.Write("> abcdefghijklmnop\r\n  1");
        narrow.Write(written.ToString());
        Assert.Equal(["> abcdefgh", "ijklmnop", "  12"], narrow.Lines);
    }

    [Fact]
    public void Tab_completes_what_all_candidates_share_and_then_lists_them()
    {
        var screen = new ScreenModel(80);
        Completion Complete(string text) =>
            new(0, [.. new[] { "/save ", "/save-all " }.Where(name => name.StartsWith(text, StringComparison.Ordinal))]);
        Key tab = new(KeyKind.Complete);
        Assert.Equal("/save", Press(screen, [.. ScriptedKeys.Type("/s"), tab], complete: Complete).Text);
        Assert.Equal("/save-all ", Press(screen, [.. ScriptedKeys.Type("/save-"), tab], complete: Complete).Text);
        screen = new ScreenModel(80);
        Press(screen, [.. ScriptedKeys.Type("/s"), tab, tab, tab], complete: Complete);
        Assert.Equal(["> /save", "/save  /save-all", "> /save"], screen.Lines);
    }

    [Fact]
    public void History_survives_the_process()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.FullName, "new", "history");
        LineHistory first = LineHistory.Load(path);
        first.Add("one \\n two\nthree ");
        first.Add("again");
        first.Add("again");
        Assert.Equal(["one \\n two\nthree", "again"], LineHistory.Load(path).Lines);
        Assert.Empty(LineHistory.Load(folder.FullName).Lines);
    }

    private static InputLine Read(ScreenModel screen, Key[] keys) =>
        Editor(screen, keys, LineHistory.Load(null), static _ => Completion.None).Read("> ");

    private static EditBuffer Press(ScreenModel screen, Key[] keys, LineHistory? history = null, Func<string, Completion>? complete = null)
    {
        LineEditor editor = Editor(screen, keys, history ?? LineHistory.Load(null), complete ?? (static _ => Completion.None));
        Assert.Throws<OutOfKeysException>(() => editor.Read("> "));
        return editor.Buffer;
    }

    private static LineEditor Editor(ScreenModel screen, Key[] keys, LineHistory history, Func<string, Completion> complete)
    {
        screen.NewLine = "\r\n";
        return new LineEditor(
            new ScriptedKeys(keys),
            new LineDrawing(screen, () => (screen.Width, screen.Height)),
            history,
            complete,
            screen
        );
    }
}
