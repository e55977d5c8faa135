using System.CommandLine;
using System.CommandLine.Parsing;
using Tessera.Cli.Annotate;
using Tessera.Cli.Bench;
using Tessera.Cli.Chat;
using Tessera.Cli.Mcp;
using Tessera.Cli.Output;
using Tessera.Cli.Serve;

namespace Tessera.Cli.Commands;

/// <summary>The program: its commands, and how their ends become exit codes.</summary>
internal static class TesseraCommand
{
    /// <summary>Runs a command line. 0 is success, 1 failure, 2 wrong usage, 130 interrupted, or 143 by SIGTERM.</summary>
    public static async Task<int> RunAsync(string[] arguments, CliConsole console, CancellationToken cancellationToken)
    {
        arguments = RootOptions.Expand(arguments);
        console.WritesJson = HoldsJson(arguments.TakeWhile(static argument => argument != "--"));
        RootCommand root = Create(console);
        ParseResult parsed = root.Parse(arguments);
        if (UsageText.Problem(parsed) is string problem)
            return ReportUsage(parsed, console, problem);
        var configuration = new InvocationConfiguration
        {
            Output = console.Out,
            Error = console.Error,
            EnableDefaultExceptionHandler = false,
            // Program.cs turns the signals into the token.
            ProcessTerminationTimeout = null,
        };
        try
        {
            if (parsed.CommandResult.Command is not RootCommand)
                parsed = console.LoadSettings?.Invoke().Parse(root, arguments) ?? parsed;
            console.WritesJson |= HoldsJson(
                parsed.Tokens.TakeWhile(static token => token.Type != TokenType.DoubleDash).Select(static token => token.Value)
            );
            RootOptions.ShowLog(parsed, console);
            return await parsed.InvokeAsync(configuration, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return ExitCode.Interrupted;
        }
        catch (UsageException wrong)
        {
            return ReportUsage(parsed, console, wrong.Message);
        }
        catch (Exception failure) when (failure is TesseraException or IOException or UnauthorizedAccessException)
        {
            return Fail(console, FailureText.Of(failure), FailureText.KindOf(failure));
        }
        catch (Exception failure)
        {
            return Fail(
                console,
                $"an error that should not happen, please report it: {failure.GetType().Name}, {failure.Message}",
                FailureText.KindOf(failure)
            );
        }
    }

    private static bool HoldsJson(IEnumerable<string> words) => words.Any(static word => word is "--json" or "--json-lines");

    private static int Fail(CliConsole console, string message, string kind)
    {
        string sentence = message.TrimEnd(' ', '.', '\r', '\n');
        console.Fail(sentence.EndsWith('?') ? sentence : $"{sentence}.", kind);
        return ExitCode.Failed;
    }

    private static RootCommand Create(CliConsole console)
    {
        var root = new RootCommand("Ask quantized vision-language models about pictures, on this machine.")
        {
            AskCommand.Create(console),
            AnnotateCommand.Create(console),
            WorkCommand.Create(console),
            ChatCommand.Create(console),
            LookCommand.Create(console),
            EncodeCommand.Create(console),
            MatchCommand.Create(console),
            InspectCommand.Create(console),
            ServeCommand.Create(console),
            ModelsCommand.Create(console),
            PullCommand.Create(console),
            ModelsCommand.CreateRemove(console),
            FitCommand.Create(console),
            ConvertCommand.Create(console),
            QuantizeCommand.Create(console),
            ImatrixCommand.Create(console),
            DevicesCommand.Create(console),
            McpCommand.Create(console),
            CompletionCommand.Create(console),
            BenchCommand.Create(console),
        };
        RootOptions.AddTo(root);
        return root;
    }

    private static int ReportUsage(ParseResult parsed, CliConsole console, string problem)
    {
        console.Fail(problem, "usage");
        console.Say($"Run '{UsageText.CommandPath(parsed)} --help' to see what it takes.");
        return ExitCode.Usage;
    }
}

/// <summary>What the program's exit code says.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failed = 1;
    public const int Usage = 2;
    public const int Interrupted = 130;
    public const int Terminated = 143;
}

/// <summary>Options that do not go together; the message names them.</summary>
internal sealed class UsageException(string message) : Exception(message);
