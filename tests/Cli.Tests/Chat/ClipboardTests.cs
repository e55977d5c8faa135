using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Chat;

/// <summary>Pictures from the clipboard and the screen, in a pseudo-terminal, with programs that stand for the desktop's.</summary>
public sealed class ClipboardTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [TmuxFact]
    public async Task Ctrl_V_adds_the_picture_and_keeps_what_was_typed()
    {
        Fake(
            "xclip",
            $"case $5 in TARGETS) echo TARGETS; echo image/png;; image/png) cat '{Goldens.RepositoryPath("samples", "heart.png")}';; esac"
        );
        using TmuxTerminal terminal = await OpenAsync("DISPLAY=:9");
        terminal.Type("What shape");
        await terminal.WaitForLastRowAsync("> What shape");
        terminal.Press("C-v");
        string[] screen = await terminal.WaitForLastRowAsync("[1 picture] > What shape");
        Assert.Equal("clipboard: 315 x 315, 1 slice, 64 tokens", screen[^2]);
        Assert.Single(screen, static row => row.Contains("What shape", StringComparison.Ordinal));
        await terminal.EnterAsync(" is it?");
        Assert.Contains("heart", (await terminal.WaitForLastRowAsync(">"))[^2], StringComparison.OrdinalIgnoreCase);
    }

    [TmuxFact]
    public async Task Ctrl_V_of_text_is_text_and_paste_says_so()
    {
        Fake("wl-paste", "case $1 in --list-types) echo text/plain;; *) echo 'copied words';; esac");
        using TmuxTerminal terminal = await OpenAsync("WAYLAND_DISPLAY=wayland-9");
        terminal.Press("C-v");
        await terminal.WaitAsync(static screen => screen.Any(static row => row.StartsWith("> copied words", StringComparison.Ordinal)));
        terminal.Press("C-c");
        await terminal.WaitForLastRowAsync(">");
        await terminal.EnterAsync("/paste");
        Assert.Equal("tessera: The clipboard holds text, and no picture.", (await terminal.WaitForLastRowAsync(">"))[^2]);
    }

    [TmuxFact]
    public async Task Copied_files_are_pictures_and_the_screen_is_one()
    {
        string copied = folder.File("my heart.png", File.ReadAllBytes(Goldens.RepositoryPath("samples", "heart.png")));
        Fake("xclip", $"case $5 in TARGETS) echo text/uri-list;; *) echo '{new Uri(copied).AbsoluteUri}';; esac");
        Fake("maim", $"cp '{copied}' \"$2\"");
        using TmuxTerminal terminal = await OpenAsync("DISPLAY=:9");
        await terminal.EnterAsync("/paste");
        Assert.Equal("my heart.png: 315 x 315, 1 slice, 64 tokens", (await terminal.WaitForLastRowAsync("[1 picture] >"))[^2]);
        await terminal.EnterAsync("/screenshot");
        Assert.Equal("screen: 315 x 315, 1 slice, 64 tokens", (await terminal.WaitForLastRowAsync("[2 pictures] >"))[^2]);
    }

    [UnixFact]
    public async Task Without_a_desktop_it_is_said()
    {
        CliRun run = await CliProcess.RunAsync(
            ["chat"],
            "/paste\n/screenshot\n"u8.ToArray(),
            ("DISPLAY", null),
            ("WAYLAND_DISPLAY", null),
            ("PATH", "/usr/bin:/bin")
        );
        string[] lines = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (!OperatingSystem.IsLinux())
            return;
        Assert.Equal("tessera: There is no desktop here whose clipboard could be read.", lines[0]);
        Assert.StartsWith("tessera: ", lines[1], StringComparison.Ordinal);
        Assert.Equal(1, run.ExitCode);
    }

    private void Fake(string program, string script)
    {
        Directory.CreateDirectory(folder.File("bin"));
        string path = folder.File($"bin/{program}", System.Text.Encoding.UTF8.GetBytes($"#!/bin/sh\n{script}\n"));
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private async Task<TmuxTerminal> OpenAsync(string variable)
    {
        var terminal = new TmuxTerminal(
            100,
            24,
            folder.FullName,
            [
                "-u",
                "DISPLAY",
                "-u",
                "WAYLAND_DISPLAY",
                $"XDG_STATE_HOME={folder.FullName}",
                "NO_COLOR=1",
                variable,
                $"PATH={folder.File("bin")}:/usr/bin:/bin",
            ],
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
