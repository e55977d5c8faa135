using System.Text;
using Microsoft.Win32.SafeHandles;
using Tessera.Cli.Arguments;
using Tessera.Cli.Commands;
using Tessera.Shared;

namespace Tessera.Cli.Output;

/// <summary>Where a command reads and writes. Results go to <see cref="Out"/>, everything else to <see cref="Error"/>.</summary>
internal sealed class CliConsole
{
    // In narrower terminals rows wrap, because little of them would be left; and those that do not know their width say 0.
    private const int MinWidth = 60;

    private readonly HashSet<string> said = [];

    // Columns of the terminal that shows Out; null where nothing is to be cut. Asking changes the terminal's keypad mode.
    private Lazy<int?> width = new(static () => null);

    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>Opens standard output for bytes, in the place of <see cref="Out"/>.</summary>
    public Func<Stream> OpenOutput { get; init; } = Console.OpenStandardOutput;

    /// <summary>Opens standard input, which a command reads at most once.</summary>
    public required Func<Stream> OpenInput { get; init; }

    /// <summary>Whether a person sees <see cref="Error"/>, so that progress is of use.</summary>
    public bool ShowsProgress { get; init; }

    /// <summary>Whether a person types into standard input and sees <see cref="Error"/>, which can be drawn on.</summary>
    public bool IsInteractive { get; init; }

    /// <summary>Whether a person types into standard input.</summary>
    public bool InputIsTerminal { get; init; }

    /// <summary>Whether a terminal shows <see cref="Out"/>, which obeys control characters.</summary>
    public bool OutputIsTerminal { get; init; }

    /// <summary>Takes Ctrl+C in the place of the whole program; says whether it did.</summary>
    public Func<bool>? TakesInterrupt { get; set; }

    /// <summary>Whether standard output is to hold JSON, failures too.</summary>
    public bool WritesJson { get; set; }

    /// <summary>Reads what the user wants of every command; null where nobody has settings.</summary>
    public Func<UserSettings>? LoadSettings { get; init; }

    /// <summary>How a model that is new to this machine is tried first; null takes it untried.</summary>
    public ModelTrial? Trial { get; init; }

    public static CliConsole ForProcess()
    {
        WindowsConsole.UseUnicode();
        return new CliConsole
        {
            Out = Writer(Console.IsOutputRedirected ? Console.OpenStandardOutput() : Terminal()),
            Error = Writer(new RemarkStream()),
            OpenInput =
                Console.IsInputRedirected ? Console.OpenStandardInput
                : OperatingSystem.IsWindows() ? WindowsConsole.OpenInput
                : TerminalInput,
            width = new Lazy<int?>(static () =>
                Console.IsOutputRedirected || IsPlainTerminal() || Console.WindowWidth < MinWidth ? null : Console.WindowWidth
            ),
            ShowsProgress = !Console.IsErrorRedirected && !IsPlainTerminal(),
            IsInteractive = !Console.IsInputRedirected && !Console.IsErrorRedirected && !IsDumbTerminal(),
            InputIsTerminal = !Console.IsInputRedirected,
            OutputIsTerminal = !Console.IsOutputRedirected,
            LoadSettings = UserSettings.Load,
            Trial = TrialCommand.ForThisProgram(),
        };
    }

    /// <summary>Writes a line to <see cref="Out"/>, cut to the terminal's width.</summary>
    public void WriteRow(string row) =>
        Out.WriteLine(width.Value is int columns && row.Length > columns ? $"{row[..(columns - 1)]}…" : row);

    /// <summary>
    /// Writes a sentence to <see cref="Error"/>: the one place where failures and remarks are written. They repeat what files, models and
    /// servers say, so what would steer a terminal is left out, and what is too long is shortened.
    /// </summary>
    public void Say(string sentence) => Error.WriteLine(PlainText.Sentence(sentence));

    /// <summary>As <see cref="Say"/>, once for whatever it is about.</summary>
    public void SayOnce(string about, string sentence)
    {
        lock (said)
            if (!said.Add(about))
                return;
        Say(sentence);
    }

    /// <summary>Says a failure on <see cref="Error"/>, and as a document on <see cref="Out"/> where that holds JSON.</summary>
    /// <param name="message">One sentence.</param>
    /// <param name="kind">A word of <see cref="FailureText.KindOf"/>.</param>
    public void Fail(string message, string kind)
    {
        Say($"tessera: {message}");
        if (!WritesJson)
            return;
        try
        {
            CliJson.Write(Out, new ErrorDocument(new ErrorDetail(PlainText.Sentence(message), kind)));
        }
        catch (IOException)
        {
            // Standard output may be what failed.
        }
    }

    /// <summary>Says on <see cref="Error"/> what the caller's limits cost a picture or a video, if anything.</summary>
    public void NoteLimits(PromptMedia media, SlicePlan plan)
    {
        if (plan.IsLimited)
            Say(
                $"{media.Name}: limited to {plan.Slices.Count} of {plan.UnlimitedSliceCount} slices, {plan.ImageTokenCount} of "
                    + $"{plan.UnlimitedTokenCount} tokens."
            );
    }

    /// <summary>Leaves the line of a progress bar that is left at once, and shows the cursor that it hid.</summary>
    public void RestoreCursor()
    {
        if (ShowsProgress)
            Error.WriteLine("\e[?25h");
    }

    // Not Console.Out, which writes in the locale's encoding.
    private static TextWriter Writer(Stream stream) =>
        TextWriter.Synchronized(new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true });

    // Console's own streams put Unix terminals into another keypad mode, which plain ones show as rubbish.
    private static Stream Terminal() =>
        OperatingSystem.IsWindows()
            ? Console.OpenStandardOutput()
            : new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);

    // Console's own stream shows again what the terminal has shown already if it was typed before the first read.
    private static FileStream TerminalInput() => new(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0);

    // A bar needs escape sequences: "dumb" terminals have none, and NO_COLOR (no-color.org) asks for plain text.
    private static bool IsPlainTerminal() => IsDumbTerminal() || !string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    private static bool IsDumbTerminal() => Environment.GetEnvironmentVariable("TERM") == "dumb";
}
