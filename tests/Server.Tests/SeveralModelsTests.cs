using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Tessera.Server.Models;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Models that come and go.</summary>
public sealed class SeveralModelsTests
{
    private static ServerOptions Options(int most) =>
        TinyServer.Options with
        {
            Models = static () => [new ServedModel("one", TinyServer.Files), new ServedModel("two", TinyServer.Files)],
            MaxLoadedModels = most,
            LoadsAtStart = false,
        };

    [Fact]
    public async Task They_are_loaded_when_asked_for_and_make_room_for_each_other()
    {
        await using TinyServer server = await TinyServer.StartAsync(Options(most: 1));
        Assert.Empty(await RunningAsync(server));
        foreach (string name in (string[])["one", "two", "one"])
        {
            Assert.Equal(200, (await server.PostAsync("/v1/chat/completions", Request(name))).Status);
            Assert.Equal([name], await RunningAsync(server));
        }

        await Parallel.ForAsync(
            0,
            12,
            async (index, _) =>
                Assert.Equal(200, (await server.PostAsync("/v1/chat/completions", Request(index % 2 == 0 ? "one" : "two"))).Status)
        );
        Assert.Single(await RunningAsync(server));
    }

    [Fact]
    public async Task Keep_alive_says_how_long_they_stay()
    {
        await using TinyServer server = await TinyServer.StartAsync(Options(most: 2));
        await server.PostAsync("/api/generate", """{"model":"one"}""");
        await server.PostAsync("/api/generate", """{"model":"two","keep_alive":-1}""");
        Assert.Equal(["one", "two"], await RunningAsync(server));
        (_, JsonElement unloaded) = await server.PostAsync("/api/generate", """{"model":"one","keep_alive":0}""");
        Assert.Equal("unload", unloaded.GetProperty("done_reason").GetString());
        Assert.Equal(["two"], await RunningAsync(server));
        await server.PostAsync("/v1/chat/completions", Request("two")[..^1] + ",\"keep_alive\":\"300ms\"}");
        await Patience.UntilAsync(async () => (await RunningAsync(server)).Length == 0, "the end of its time");
    }

    [Fact]
    public async Task One_that_has_just_been_loaded_is_not_taken_from_who_asked_for_it()
    {
        var unloading = new UnloadingLog();
        await using TesseraServer server = await TesseraServer.StartAsync(Options(most: 1), unloading);
        ModelShelf shelf = unloading.Shelf = server.Services.GetRequiredService<ModelShelf>();
        using (ModelLease lease = await shelf.LeaseAsync("one", null, CancellationToken.None))
            Assert.Equal(lease.Loaded, Assert.Single(shelf.Loaded));
        Assert.Empty(shelf.Loaded);
    }

    private static string Request(string model) => $$"""{"model":"{{model}}","max_tokens":4,"messages":[{"role":"user","content":"Hi"}]}""";

    private static async Task<string[]> RunningAsync(TinyServer server)
    {
        using JsonDocument running = JsonDocument.Parse(await server.Http.GetStringAsync("/api/ps"));
        return
        [
            .. running
                .RootElement.GetProperty("models")
                .EnumerateArray()
                .Select(static model => model.GetProperty("name").GetString()!)
                .Order(),
        ];
    }

    /// <summary>Has each model unloaded when it is told to be loaded.</summary>
    private sealed class UnloadingLog : ILoggerProvider, ILogger
    {
        public ModelShelf? Shelf { get; set; }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (formatter(state, exception).Contains("was loaded", StringComparison.Ordinal))
                Shelf?.Unload("one");
        }

        public void Dispose() { }
    }
}
