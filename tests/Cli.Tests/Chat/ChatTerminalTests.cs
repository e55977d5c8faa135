using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

/// <summary>Chats in a real pseudo-terminal: keys go in, the screen is looked at.</summary>
public sealed class ChatTerminalTests : IDisposable
{
    private readonly TemporaryFolder state = new();

    public void Dispose() => state.Dispose();

    [TmuxFact]
    public async Task A_picture_is_completed_shown_and_talked_about()
    {
        using TmuxTerminal terminal = await OpenAsync(80, 40, "COLORTERM=truecolor");
        terminal.Type("/ima");
        terminal.Press("Tab");
        await terminal.WaitForLastRowAsync("> /image");
        terminal.Type("sha");
        terminal.Press("Tab");
        await terminal.WaitForLastRowAsync("> /image shapes.png");
        terminal.Press("Enter");
        string[] shown = await terminal.WaitForLastRowAsync("[1 picture] >");
        Assert.Equal("shapes.png: 328 x 328, 1 slice, 64 tokens", shown[^2]);
        // 24 rows of 48 half blocks: 48 x 48 pixels, in colour.
        Assert.Equal(24, shown.Count(static row => row == new string('▀', 48)));
        Assert.Contains("\e[38;2;", terminal.ColouredScreen, StringComparison.Ordinal);

        await terminal.EnterAsync("What is in this picture?");
        string[] answered = await terminal.WaitForLastRowAsync(">");
        Assert.Equal(["[1 picture] > What is in this picture?", "This is a yellow star and a purple diamond.", ">"], answered[^3..]);
    }

    [TmuxFact]
    public async Task In_a_narrow_window_lines_wrap_and_nothing_is_torn()
    {
        using TmuxTerminal terminal = await OpenAsync(40, 24, "NO_COLOR=1");
        Assert.Equal(4, terminal.Screen.Length);
        Assert.Equal("tessera-tiny-Q8_0.gguf, LLaVA: 2048", terminal.Screen[0]);
        await terminal.EnterAsync("/help");
        string[] help = await terminal.WaitForLastRowAsync(">");
        Assert.Contains("  this list", help);
        terminal.Type("The quick brown fox jumps over the lazy dog, then 日本語日本語 😀😀");
        await terminal.WaitAsync(static screen => screen[^1].EndsWith("😀😀", StringComparison.Ordinal));
        Assert.Equal(["> The quick brown fox jumps over the laz", "y dog, then 日本語日本語 😀😀"], terminal.Screen[^2..]);
        terminal.Press("Home");
        terminal.Type("X");
        await terminal.WaitAsync(static screen => screen[^2].StartsWith("> XThe", StringComparison.Ordinal));
        await terminal.WaitForCursorAsync("3,");
        Assert.EndsWith(" T", terminal.Cursor, StringComparison.Ordinal);
        terminal.Resize(30, 24);
        string[] resized = await terminal.WaitAsync(static screen => screen[^1] == "日本語 😀😀");
        Assert.Equal(["> XThe quick brown fox jumps o", "ver the lazy dog, then 日本語", "日本語 😀😀"], resized[^3..]);
        terminal.Resize(60, 24);
        string[] wide = await terminal.WaitAsync(static screen =>
            screen[^2] == "> XThe quick brown fox jumps over the lazy dog, then 日本語"
        );
        Assert.Equal("日本語 😀😀", wide[^1]);
        Assert.DoesNotContain(wide[..^2], static row => row.Contains("fox", StringComparison.Ordinal));
        await terminal.WaitForCursorAsync("3,");
        terminal.Press("C-c");
        await terminal.WaitAsync(static screen =>
            screen[^1] == ">" && !screen.Any(static row => row.Contains("quick", StringComparison.Ordinal))
        );
    }

    [TmuxFact]
    public async Task A_paste_does_not_send_and_history_comes_back()
    {
        using (TmuxTerminal terminal = await OpenAsync(80, 24, "NO_COLOR=1"))
        {
            terminal.Paste("/system one\ntwo");
            await terminal.WaitAsync(static screen => screen[^1] == "  two");
            Assert.Equal("> /system one", terminal.Screen[^2]);
            terminal.Press("Enter");
            Assert.Equal(["System sentence: one", "two", ">"], (await terminal.WaitForLastRowAsync(">"))[^3..]);
            terminal.Press("C-d");
            await terminal.WaitForLastRowAsync("exit 0");
        }

        using TmuxTerminal again = await OpenAsync(80, 24, "NO_COLOR=1");
        again.Press("Up");
        await again.WaitForLastRowAsync("  two");
        again.Press("Up", "End");
        again.Type("\\");
        await again.WaitAsync(static screen => screen[^2] == "> /system one\\");
        again.Press("Enter");
        again.Type("middle");
        await again.WaitAsync(static screen => screen.Length > 3 && screen[^2] == "  middle");
        Assert.Equal(["> /system one", "  middle", "  two"], again.Screen[^3..]);
    }

    [TmuxFact]
    public async Task Neither_the_terminals_replies_nor_early_keys_show()
    {
        using TmuxTerminal terminal = Open(60, 40, "COLORTERM=truecolor", "-i", "word.png");
        await terminal.WaitAsync(static screen => screen[0].Length > 0);
        terminal.Type("typed early");
        string[] screen = await terminal.WaitForLastRowAsync("[1 picture] > typed early");
        Assert.StartsWith("tessera-tiny-Q8_0.gguf, LLaVA: 2048 tokens of context, on", screen[0], StringComparison.Ordinal);
        Assert.All(screen[2..^2], static row => Assert.Equal(new string('▀', 48), row));
        terminal.Press("C-u", "C-d");
        await terminal.WaitForLastRowAsync("exit 0");
        // The shell's terminal shows keys again.
        terminal.Type("typed late");
        await terminal.WaitForLastRowAsync("typed late");
    }

    [TmuxFact]
    public async Task A_picture_that_is_cut_shows_its_grid()
    {
        string folder = Goldens.RepositoryPath("tests", "goldens", "llava-next", "llava-1.6");
        using TmuxTerminal terminal = await OpenAsync(
            60,
            40,
            "COLORTERM=truecolor",
            "-m",
            Path.Combine(folder, "language-f16.gguf"),
            "--mmproj",
            Path.Combine(folder, "mmproj-f16.gguf")
        );
        await terminal.EnterAsync("/look heart.png");
        string[] screen = await terminal.WaitForLastRowAsync(">");
        Assert.Contains("grid     2 x 2 on 112 x 112", screen);
        Assert.Equal(4, screen.Count(static row => row.StartsWith("  tile ", StringComparison.Ordinal)));
        // Orange lines at the top and in the middle, as foreground or background.
        Assert.Contains("8;2;255;140;0m", terminal.ColouredScreen, StringComparison.Ordinal);
    }

    [TmuxFact]
    public async Task A_dropped_path_is_a_picture()
    {
        using TmuxTerminal terminal = await OpenAsync(80, 24, "NO_COLOR=1");
        terminal.Paste($"'{Goldens.RepositoryPath("samples", "heart.png")}' ");
        terminal.Press("Enter");
        string[] screen = await terminal.WaitForLastRowAsync("[1 picture] >");
        Assert.Equal("heart.png: 315 x 315, 1 slice, 64 tokens", screen[^2]);
        Assert.DoesNotContain(screen, static row => row.Contains('▀'));
    }

    [TmuxFact]
    public async Task Ctrl_C_stops_the_answer_and_twice_at_the_prompt_leaves()
    {
        using TmuxTerminal terminal = await OpenAsync(80, 24, "NO_COLOR=1", ["-m", Goldens.Language, .. CliRun.Endless]);
        await terminal.EnterAsync("Hello");
        await terminal.WaitAsync(static screen => screen[^1].Length > 1 && screen[^1][0] != '>');
        terminal.Press("C-c");
        string[] stopped = await terminal.WaitForLastRowAsync(">");
        Assert.Equal("Stopped; the conversation is as it was before.", stopped[^2]);
        await Task.Delay(TimeSpan.FromSeconds(1.2));

        static int Warnings(string[] screen) =>
            screen.Count(static row => row.StartsWith("Press Ctrl+C again to leave.", StringComparison.Ordinal));
        // On a machine that is so slow that the second press comes late it is a first one again.
        string[] left = [];
        for (int before = 0; left.LastOrDefault() != "exit 130"; before = Warnings(left))
        {
            terminal.Press("C-c", "C-c");
            left = await terminal.WaitAsync(screen => screen[^1] == "exit 130" || (screen[^1] == ">" && Warnings(screen) > before + 1));
        }

        Assert.NotEqual(0, Warnings(left));
    }

    [TmuxFact]
    public async Task A_message_is_edited_in_the_line()
    {
        using TmuxTerminal terminal = await OpenAsync(80, 24, "NO_COLOR=1", "-i", "shapes.png");
        await terminal.EnterAsync("What colour is the star?");
        await terminal.WaitAsync(static screen => screen[^1] == ">" && screen[^2] == "Yellow.");
        await terminal.EnterAsync("/edit");
        await terminal.WaitForLastRowAsync("edit> What colour is the star?");
        terminal.Press("C-u");
        await terminal.EnterAsync("What colour is the diamond?");
        Assert.Equal("Purple.", (await terminal.WaitForLastRowAsync(">"))[^2]);
    }

    [TmuxFact]
    public async Task A_dumb_terminal_gets_plain_lines()
    {
        using TmuxTerminal terminal = await OpenAsync(80, 24, "TERM=dumb", "-i", "shapes.png");
        await terminal.EnterAsync("\\");
        // Here the terminal itself shows what is typed, at once, and so before a prompt that is still to come.
        await terminal.WaitForLastRowAsync("…");
        await terminal.EnterAsync("What colour is the star?");
        string[] screen = await terminal.WaitForLastRowAsync(">");
        Assert.Equal(
            ["shapes.png: 328 x 328, 1 slice, 64 tokens", "[1 picture] > \\", "… What colour is the star?", "Yellow.", ">"],
            screen
        );
        terminal.Press("C-d");
        await terminal.WaitAsync(static rows => rows[^1].EndsWith("exit 0", StringComparison.Ordinal));
    }

    [TmuxFact]
    public async Task A_file_that_is_no_conversation_is_asked_about()
    {
        using var folder = new TemporaryFolder();
        string notes = folder.File("notes.txt", "mine"u8);
        using TmuxTerminal terminal = await OpenAsync(100, 24, "NO_COLOR=1");
        await terminal.EnterAsync($"/save {notes}");
        await terminal.WaitAsync(static rows => rows[^1].EndsWith("Overwrite it? [y/N]", StringComparison.Ordinal));
        await terminal.EnterAsync("n");
        Assert.Contains(
            await terminal.WaitForLastRowAsync(">"),
            static row => row.EndsWith("nothing was saved.", StringComparison.Ordinal)
        );
        Assert.Equal("mine", File.ReadAllText(notes));
        await terminal.EnterAsync($"/save {notes}");
        await terminal.WaitAsync(static rows => rows[^1].EndsWith("Overwrite it? [y/N]", StringComparison.Ordinal));
        await terminal.EnterAsync("y");
        Assert.StartsWith("Saved 0 messages", (await terminal.WaitForLastRowAsync(">"))[^2], StringComparison.Ordinal);
        Assert.True(ChatSession.IsSaved(notes));
    }

    private async Task<TmuxTerminal> OpenAsync(int width, int height, string variable, params string[] arguments)
    {
        TmuxTerminal terminal = Open(width, height, variable, arguments);
        try
        {
            await terminal.WaitAsync(static screen => screen[^1].EndsWith('>'));
            return terminal;
        }
        catch
        {
            terminal.Dispose();
            throw;
        }
    }

    private TmuxTerminal Open(int width, int height, string variable, params string[] arguments) =>
        new(
            width,
            height,
            Goldens.RepositoryPath("samples"),
            [$"XDG_STATE_HOME={state.FullName}", variable],
            [CliProcess.Program, "chat", "--temperature", "0", .. arguments]
        );
}
