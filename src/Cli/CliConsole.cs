using System.Text;

namespace Tessera.Cli;

/// <summary>Where a command reads and writes. Results go to <see cref="Out"/>, everything else to <see cref="Error"/>.</summary>
internal sealed class CliConsole
{
    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>Opens standard input, which a command reads at most once.</summary>
    public required Func<Stream> OpenInput { get; init; }

    /// <summary>Whether a person sees <see cref="Error"/>, so that progress is of use.</summary>
    public bool ShowsProgress { get; init; }

    /// <summary>Whether a person types into standard input.</summary>
    public bool InputIsTerminal { get; init; }

    public static CliConsole ForProcess()
    {
        Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        return new CliConsole
        {
            Out = Console.Out,
            Error = Console.Error,
            OpenInput = Console.OpenStandardInput,
            ShowsProgress = !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") != "dumb",
            InputIsTerminal = !Console.IsInputRedirected,
        };
    }
}
