using Microsoft.Extensions.Logging;
using Tessera.Engine.NativeTests.Goldens;

namespace Tessera.Engine.NativeTests;

/// <summary>What llama.cpp logs goes to the caller's logger, and is the reason given when a load fails.</summary>
public sealed class NativeLogTests : IDisposable
{
    private static readonly GoldenCase Golden = GoldenCase.Find("llava-1.5");

    public void Dispose() => NativeLogging.Logger = null;

    [Fact]
    public async Task The_callers_logger_gets_the_native_lines()
    {
        var log = new CollectingLogger();
        NativeLogging.Logger = log;
        using (await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = Golden.LanguageModel })) { }
        Assert.Contains(log.Lines, static line => line.Contains("llama", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, static line => line.Contains('\n'));
    }

    [Fact]
    public async Task A_logger_that_throws_ends_nothing()
    {
        NativeLogging.Logger = new ThrowingLogger();
        using MultimodalModel model = await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = Golden.LanguageModel });
        Assert.NotNull(model.Path);
    }

    private sealed class ThrowingLogger : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        ) => throw new InvalidOperationException("The log is full.");
    }
}
