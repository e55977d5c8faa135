using System.CommandLine;
using System.CommandLine.Parsing;

namespace Tessera.Cli;

/// <summary>The program: its commands, and how their ends become exit codes.</summary>
internal static class TesseraCommand
{
    /// <summary>Runs a command line. 0 is success, 1 failure, 2 wrong usage, 130 interrupted.</summary>
    public static async Task<int> RunAsync(string[] arguments, CliConsole console, CancellationToken cancellationToken)
    {
        ParseResult parsed = Create(console).Parse(arguments);
        if (parsed.Errors.Count > 0) return ReportUsage(parsed, console);
        var configuration = new InvocationConfiguration
        {
            Output = console.Out,
            Error = console.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = TimeSpan.FromSeconds(5),
        };
        try
        {
            return await parsed.InvokeAsync(configuration, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }
        catch (UsageException wrong)
        {
            console.Error.WriteLine($"tessera: {wrong.Message}");
            return ExitCode.Usage;
        }
        catch (TesseraException failure)
        {
            console.Error.WriteLine($"tessera: {failure.Message}");
            return ExitCode.Failed;
        }
        catch (IOException failure)
        {
            console.Error.WriteLine($"tessera: {failure.Message}");
            return ExitCode.Failed;
        }
    }

    private static RootCommand Create(CliConsole console) => new("Ask quantized vision-language models about pictures, on this machine.")
    {
        AskCommand.Create(console),
        LookCommand.Create(console),
        EncodeCommand.Create(console),
        InspectCommand.Create(console),
        DevicesCommand.Create(console),
    };

    private static int ReportUsage(ParseResult parsed, CliConsole console)
    {
        foreach (ParseError error in parsed.Errors.DistinctBy(static error => error.Message)) console.Error.WriteLine($"tessera: {error.Message}");
        console.Error.WriteLine($"Run '{CommandPath(parsed)} --help' to see what it takes.");
        return ExitCode.Usage;
    }

    private static string CommandPath(ParseResult parsed) =>
        parsed.CommandResult.Command is RootCommand ? "tessera" : $"tessera {parsed.CommandResult.Command.Name}";
}

/// <summary>What the program's exit code says.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int Interrupted = 130;
}

/// <summary>Options that do not go together; the message names them.</summary>
internal sealed class UsageException(string message) : Exception(message);
