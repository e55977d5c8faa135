using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Tessera.Engine.NativeTests.Goldens;
using Tessera.Native;

namespace Tessera.Engine.NativeTests;

/// <summary>What llama.cpp logs goes to the caller's logger, and is the reason given when a load fails.</summary>
public sealed class NativeLogTests : IDisposable
{
    private static readonly GoldenCase Golden = GoldenCase.Find("llava-1.5");

    public void Dispose() => NativeLog.Logger = NullLogger.Instance;

    [Fact]
    public async Task The_callers_logger_gets_the_native_lines()
    {
        var log = new CollectingLogger();
        using (await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = Golden.LanguageModel, Logger = log })) { }
        Assert.Contains(log.Lines, static line => line.Contains("llama", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, static line => line.Contains('\n'));
    }

    private sealed class CollectingLogger : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (Lines) Lines.Add(formatter(state, exception));
        }
    }
}
