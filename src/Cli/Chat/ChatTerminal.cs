using System.Runtime.InteropServices;
using Spectre.Console;
using Tessera.Cli.Chat.Editing;
using Tessera.Cli.Chat.Images;
using Tessera.Cli.Output;

namespace Tessera.Cli.Chat;

/// <summary>A terminal that a person sits at: its size, its keys, and what it can show.</summary>
internal sealed class ChatTerminal
{
    private static readonly TimeSpan ResizePause = TimeSpan.FromMilliseconds(200);

    private ChatTerminal(CliConsole console)
    {
        Keys = new ConsoleKeys(console.Error, new RawConsoleKeys());
        HasColours = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
        Images = new ImagePrinter(console.Error, Size, () => ImageProtocols.Detect(Environment.GetEnvironmentVariable, Keys.Ask));
    }

    public ConsoleKeys Keys { get; }

    public bool HasColours { get; }

    public ImagePrinter Images { get; }

    /// <summary>The process's terminal; null if nobody types or what is written cannot be moved about.</summary>
    public static ChatTerminal? Open(CliConsole console)
    {
        if (!console.IsInteractive)
            return null;
        // On Windows this also makes the console obey escape sequences.
        IAnsiConsole ansi = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(console.Error) });
        // The first look at the keyboard stops the terminal from showing keys itself, which may be pressed before they are read.
        _ = Console.KeyAvailable;
        return OperatingSystem.IsWindows() && !ansi.Profile.Capabilities.Ansi ? null : new ChatTerminal(console);
    }

    /// <summary>Calls back when the window's size has changed, until the result is disposed.</summary>
    public IDisposable WhenResized(Action redraw)
    {
        if (!OperatingSystem.IsWindows())
            return PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => redraw());
        // Windows has no signal for it.
        (int Width, int Height) last = Size();
        return new Timer(
            _ =>
            {
                (int Width, int Height) now = Size();
                if (now == last)
                    return;
                last = now;
                redraw();
            },
            null,
            ResizePause,
            ResizePause
        );
    }

    /// <summary>Columns and rows now.</summary>
    public (int Width, int Height) Size()
    {
        (int width, int height) = (Console.WindowWidth, Console.WindowHeight);
        return width > 0 && height > 0 ? (width, height) : (80, 24);
    }
}
