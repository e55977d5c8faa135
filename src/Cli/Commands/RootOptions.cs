using System.CommandLine;
using System.CommandLine.Help;
using Microsoft.Extensions.Logging;
using Tessera.Cli.Output;
using Tessera.Shared;

namespace Tessera.Cli.Commands;

/// <summary>What goes with every command: help, the version, and the natives' log.</summary>
internal static class RootOptions
{
    private const string Verbose = "--verbose";

    /// <summary>Adds them to the program's command.</summary>
    public static void AddTo(RootCommand root)
    {
        HelpOption help = root.Options.OfType<HelpOption>().Single();
        help.Action = new ExampleHelp((HelpAction)help.Action!);
        root.Options.OfType<VersionOption>().Single().Aliases.Add("-v");
        root.Add(
            new Option<bool>(Verbose) { Description = "Show what ggml, llama.cpp and libvips log, on standard error.", Recursive = true }
        );
    }

    /// <summary>Words that stand for others: nothing and <c>help</c> for --help, <c>help COMMAND</c> for COMMAND --help.</summary>
    public static string[] Expand(string[] arguments) =>
        arguments switch
        {
            [] or ["help"] => ["--help"],
            ["help", var command] => [command, "--help"],
            _ => arguments,
        };

    /// <summary>Lets the natives' log be seen if that is asked for.</summary>
    public static void ShowLog(ParseResult parsed, CliConsole console)
    {
        if (parsed.GetValue<bool>(Verbose))
            NativeLogging.Logger = new Lines(console);
    }

    private sealed class Lines(CliConsole console) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => console.Say(PlainText.Sentence($"{logLevel.ToString().ToLowerInvariant()}: {formatter(state, exception).TrimEnd()}"));
    }
}
