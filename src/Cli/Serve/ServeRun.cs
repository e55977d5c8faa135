using Microsoft.Extensions.Logging;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;
using Tessera.Server;

namespace Tessera.Cli.Serve;

/// <summary>Runs a server until it is told to stop.</summary>
internal static class ServeRun
{
    public static async Task<int> RunAsync(CliConsole console, ServerOptions options, bool asJson, CancellationToken cancellationToken)
    {
        ServedModel first = options.Models()[0];
        (string model, string? projector) = (first.Files.ModelPath, first.Files.ProjectorPath);
        NativeAbort.Blame(console, projector is null ? model : $"{model} or {projector}");
        using var logging = new ConsoleLogging(console);
        await using TesseraServer server = await TesseraServer.StartAsync(options, logging, cancellationToken);
        if (asJson)
            CliJson.Write(console.Out, new ServeDocument(server.Addresses, [.. options.Models().Select(static served => served.Name)]));
        else
            console.Say(
                $"{first.Name} answers at {server.Addresses[0]}: a page to talk to, OpenAI's API below /v1, Ollama's below /api, and /docs "
                    + "tells more"
            );
        if (options.ApiKey is null && options.Host is not ("127.0.0.1" or "::1" or "localhost"))
            console.Say("Everybody who reaches this address may use it: give --api-key.");
        await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        console.Say($"stopping: answers may go on for {options.ShutdownTimeout.TotalSeconds:0} s; interrupt once more to end them");
        await server.StopAsync();
        return ExitCode.Success;
    }

    // What the server has to tell goes where all remarks go, cleaned.
    private sealed class ConsoleLogging(CliConsole console) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Information and not LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (IsEnabled(logLevel))
                console.Say(
                    exception is null
                        ? formatter(state, null)
                        : $"{formatter(state, exception)} {exception.GetType().Name}: {exception.Message}"
                );
        }

        public void Dispose() { }
    }
}
