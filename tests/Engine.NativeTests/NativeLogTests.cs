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
}
