using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

/// <summary>Keys of a line in a pseudo-terminal, as a terminal sends them.</summary>
public sealed class LineKeyTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [TmuxFact]
    public async Task Alt_moves_and_deletes_by_words()
    {
        using TmuxTerminal terminal = await OpenAsync(60);
        terminal.Type("one two three");
        await terminal.WaitForLastRowAsync("> one two three");
        terminal.Press("M-b", "M-b");
        terminal.Type("X");
        await terminal.WaitForLastRowAsync("> one Xtwo three");
        terminal.Press("M-f");
        terminal.Type("Y");
        await terminal.WaitForLastRowAsync("> one XtwoY three");
        terminal.Press("M-BSpace");
        await terminal.WaitForLastRowAsync("> one  three");
        terminal.Press("M-d");
        await terminal.WaitForLastRowAsync("> one");
        terminal.Press("C-y", "M-Left");
        terminal.Type("Z");
        await terminal.WaitForLastRowAsync("> one  Zthree");
        terminal.Press("M-Right");
        terminal.Type("!");
        await terminal.WaitForLastRowAsync("> one  Zthree!");
        // A letter that means nothing with Alt is no text.
        terminal.Press("M-x");
        terminal.Type(".");
        await terminal.WaitForLastRowAsync("> one  Zthree!.");
    }

    [TmuxFact]
    public async Task Ctrl_R_searches_what_was_sent()
    {
        using TmuxTerminal terminal = await OpenAsync(60);
        foreach (string line in (string[])["/system first words", "/system second thing", "/system third words"])
        {
            await terminal.EnterAsync(line);
            await terminal.WaitAsync(screen => screen[^1] == ">" && screen[^2] == $"System sentence: {line[8..]}");
        }

        terminal.Type("kept");
        terminal.Press("C-r");
        await terminal.WaitForLastRowAsync("search '': kept");
        terminal.Type("WOR");
        await terminal.WaitForLastRowAsync("search 'WOR': /system third words");
        terminal.Press("C-r");
        await terminal.WaitForLastRowAsync("search 'WOR': /system first words");
        terminal.Press("C-r");
        await terminal.WaitForLastRowAsync("not found 'WOR': /system first words");
        terminal.Press("BSpace", "BSpace", "BSpace");
        terminal.Type("sec");
        await terminal.WaitForLastRowAsync("search 'sec': /system second thing");
        terminal.Press("C-g");
        await terminal.WaitForLastRowAsync("> kept");
        terminal.Press("C-r");
        terminal.Type("thing");
        await terminal.WaitForLastRowAsync("search 'thing': /system second thing");
        terminal.Press("End");
        await terminal.WaitForLastRowAsync("> /system second thing");
        terminal.Press("Enter");
        await terminal.WaitAsync(static screen => screen[^1] == ">" && screen[^2] == "System sentence: second thing");
    }

    [TmuxTheory]
    [InlineData(70)]
    [InlineData(60)]
    [InlineData(58)]
    [InlineData(31)]
    public async Task Narrowing_the_window_leaves_no_ghost(int length)
    {
        using TmuxTerminal terminal = await OpenAsync(80);
        string text = string.Concat(Enumerable.Range(0, length).Select(static index => (char)('a' + index % 26)));
        terminal.Type(text);
        await terminal.WaitForLastRowAsync($"> {text}");
        terminal.Resize(30, 24);
        await terminal.WaitAsync(rows => string.Concat(rows[^((length + 31) / 30)..]) == $"> {text}");
        bool HasNoGhost(string[] rows) =>
            rows.Count(static row => row.StartsWith("> ab", StringComparison.Ordinal)) == 1
            && string.Concat(rows).EndsWith($"> {text}", StringComparison.Ordinal);
        // The terminal has wrapped it by itself; a ghost comes when the program draws it, and stays.
        await Task.Delay(200);
        await terminal.WaitAsync(HasNoGhost);
        terminal.Resize(80, 24);
        await terminal.WaitForLastRowAsync($"> {text}");
        await terminal.WaitAsync(HasNoGhost);
    }

    [TmuxFact]
    public async Task Ctrl_Z_suspends_and_fg_goes_on()
    {
        using var terminal = new TmuxTerminal(
            80,
            24,
            folder.FullName,
            ["NO_COLOR=1", $"XDG_STATE_HOME={folder.FullName}", "PS1=$ "],
            ["bash", "--norc", "--noprofile", "-i"]
        );
        await terminal.WaitForLastRowAsync("$");
        await terminal.EnterAsync($"'{CliProcess.Program}' chat");
        await terminal.WaitForLastRowAsync(">");
        terminal.Type("half a line");
        await terminal.WaitForLastRowAsync("> half a line");
        terminal.Press("C-z");
        await terminal.WaitAsync(static screen =>
            screen[^1] == "$" && screen.Any(static row => row.Contains("Stopped", StringComparison.Ordinal))
        );
        // The shell's line is its own again.
        await terminal.EnterAsync("echo shell");
        await terminal.WaitAsync(static screen => screen[^1] == "$" && screen[^2] == "shell");
        await terminal.EnterAsync("fg");
        await terminal.WaitForLastRowAsync("> half a line");
        terminal.Type(" more");
        await terminal.WaitForLastRowAsync("> half a line more");
        terminal.Press("C-u", "C-d");
        await terminal.WaitForLastRowAsync("$");
    }

    [TmuxFact]
    public async Task The_first_line_names_the_model_its_context_and_where_it_runs()
    {
        using TmuxTerminal terminal = await OpenAsync(120);
        Assert.Matches(
            "^tessera-tiny-Q8_0.gguf, LLaVA: 2048 tokens of context, on .+\\. /help lists what can be typed\\.$",
            terminal.Screen[0]
        );
    }

    private async Task<TmuxTerminal> OpenAsync(int width)
    {
        var terminal = new TmuxTerminal(
            width,
            24,
            folder.FullName,
            [$"XDG_STATE_HOME={folder.FullName}", "NO_COLOR=1"],
            [CliProcess.Program, "chat", "--temperature", "0"]
        );
        try
        {
            await terminal.WaitForLastRowAsync(">");
            return terminal;
        }
        catch
        {
            terminal.Dispose();
            throw;
        }
    }
}
