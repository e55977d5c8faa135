using System.Diagnostics;
using System.Globalization;

namespace Tessera.Cli.Tests.Support;

/// <summary>A pseudo-terminal with a program in it, made and drawn by a tmux server of its own.</summary>
internal sealed class TmuxTerminal : IDisposable
{
    private static readonly TimeSpan PollPause = TimeSpan.FromMilliseconds(50);
    private readonly TemporaryFolder sockets = new();

    /// <param name="width">Columns.</param>
    /// <param name="height">Rows.</param>
    /// <param name="folder">The working folder.</param>
    /// <param name="environment">Variables as <c>NAME=value</c>.</param>
    /// <param name="command">The program and its arguments. After its end the screen says <c>exit N</c>.</param>
    public TmuxTerminal(int width, int height, string folder, string[] environment, string[] command)
    {
        // The tests' own terminal must not show through.
        string[] shell =
        [
            "env",
            "-u",
            "NO_COLOR",
            "-u",
            "COLORTERM",
            "-u",
            "KITTY_WINDOW_ID",
            "-u",
            "TERM_PROGRAM",
            "-u",
            "TESSERA_MODEL",
            $"XDG_CONFIG_HOME={sockets.FullName}",
            // Once more, since its options stand before its variables.
            "env",
            .. environment,
            .. command,
        ];
        string line = string.Join(' ', shell.Select(static word => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'"));
        Run(
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            Text(width),
            "-y",
            Text(height),
            "-c",
            folder,
            // Ctrl+C ends the program, and not what shows how it ended.
            $"trap : INT; {line}; echo exit $?; while :; do sleep 600; done"
        );
    }

    /// <summary>The screen's rows, without blanks at their ends and empty rows at the bottom.</summary>
    public string[] Screen => [.. Run("capture-pane", "-p").TrimEnd('\n').Split('\n').Select(static row => row.TrimEnd())];

    /// <summary>The screen with its colours, as escape sequences.</summary>
    public string ColouredScreen => Run("capture-pane", "-p", "-e");

    /// <summary>The cursor's column and row, and the character that it stands on.</summary>
    public string Cursor => Run("display-message", "-p", "#{cursor_x},#{cursor_y} #{cursor_character}").TrimEnd('\n');

    /// <summary>Presses keys by tmux's names, such as <c>Enter</c> or <c>C-a</c>.</summary>
    public void Press(params string[] keys) => Run(["send-keys", .. keys]);

    public void Type(string text) => Run("send-keys", "-l", "--", text);

    /// <summary>Types a line and sends it, once the screen shows it: what it showed before cannot be taken for the answer.</summary>
    public async Task EnterAsync(string text)
    {
        Type(text);
        string end = text[^Math.Min(text.Length, 10)..].TrimEnd();
        await WaitAsync(screen => screen[^1].EndsWith(end, StringComparison.Ordinal));
        Press("Enter");
    }

    /// <summary>Pastes as a terminal does, between brackets if the program asked for them.</summary>
    public void Paste(string text)
    {
        Run("set-buffer", "--", text);
        Run("paste-buffer", "-p");
    }

    public void Resize(int width, int height) => Run("resize-window", "-x", Text(width), "-y", Text(height));

    /// <summary>Waits until the screen is as it should be.</summary>
    public async Task<string[]> WaitAsync(Func<string[], bool> isThere)
    {
        for (long end = Environment.TickCount64 + (long)Patience.Limit.TotalMilliseconds; Environment.TickCount64 < end; )
        {
            string[] screen = Screen;
            if (isThere(screen))
                return screen;
            await Task.Delay(PollPause);
        }

        throw new TimeoutException($"The screen did not become what it should:\n{string.Join('\n', Screen)}");
    }

    /// <summary>Waits until the cursor stands there.</summary>
    public Task WaitForCursorAsync(string start) =>
        Patience.UntilAsync(() => Cursor.StartsWith(start, StringComparison.Ordinal), $"the cursor at {start}");

    /// <summary>Waits until the last row is this one.</summary>
    public Task<string[]> WaitForLastRowAsync(string row) => WaitAsync(screen => screen[^1] == row);

    public void Dispose()
    {
        // The server ends by itself when the program in its only pane has ended.
        Start("kill-server");
        sockets.Dispose();
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private string Run(params string[] arguments)
    {
        (int exitCode, string output, string error) = Start(arguments);
        return exitCode == 0 ? output : throw new InvalidOperationException($"tmux {arguments[0]}: {error}");
    }

    private (int ExitCode, string Output, string Error) Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("tmux") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in (string[])["-u", "-S", sockets.File("tmux"), .. arguments])
            start.ArgumentList.Add(argument);
        start.Environment.Remove("TMUX");
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd(),
            error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error);
    }
}
