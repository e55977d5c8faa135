using System.Collections.Concurrent;
using System.Text.Json;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Models that make room for each other where memory is short, as a plan that is made up says.</summary>
public sealed class RoomTests
{
    private static readonly string[] Names = ["one", "two", "three"];

    // Room for two, whatever this machine has.
    private readonly ConcurrentQueue<ModelOptions> planned = new();
    private TinyServer? server;

    [Fact]
    public async Task The_one_that_was_idle_for_longest_goes_when_memory_is_short()
    {
        await using TinyServer started = server = await TinyServer.StartAsync(Options());
        await AskAsync("one");
        await AskAsync("two");
        await AskAsync("one");
        await AskAsync("three");
        Assert.Equal(["one", "three"], await RunningAsync());
        await AskAsync("two");
        Assert.Equal(["three", "two"], await RunningAsync());
        Assert.All(planned, static files => Assert.Equal((3, 4096), (files.ParallelAnswerCount, files.CacheLength)));
    }

    [Fact]
    public async Task One_that_answers_stays_and_where_all_do_a_request_waits()
    {
        await using TinyServer started = server = await TinyServer.StartAsync(Options());
        await AskAsync("two");
        using (Stream answering = await BeginAsync("one"))
        {
            await AskAsync("three");
            Assert.Equal(["one", "three"], await RunningAsync());
            using Stream other = await BeginAsync("three");
            Task waiting = AskAsync("two");
            await Task.Delay(300);
            Assert.False(waiting.IsCompleted);
            await other.DisposeAsync();
            await waiting;
            Assert.Equal(["one", "two"], await RunningAsync());
        }
    }

    private ServerOptions Options() =>
        TinyServer.Options with
        {
            Models = static () => [.. Names.Select(static name => new ServedModel(name, TinyServer.Files))],
            LoadsAtStart = false,
            MaxLoadedModels = 10,
            ParallelAnswerCount = 3,
            CacheLength = 4096,
            HasRoomAsync = async (files, _) =>
            {
                planned.Enqueue(files);
                return (await RunningAsync()).Length < 2;
            },
        };

    private async Task AskAsync(string model) =>
        Assert.Equal(
            200,
            (
                await server!.PostAsync(
                    "/v1/chat/completions",
                    $$"""{"model":"{{model}}","max_tokens":2,"messages":[{"role":"user","content":"Hi"}]}"""
                )
            ).Status
        );

    // An answer that is long enough to be in the way.
    private async Task<Stream> BeginAsync(string model)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
        {
            Content = new StringContent(
                $$"""
                {"model":"{{model}}","stream":true,"max_tokens":1800,"messages":[{"role":"user","content":"Say everything."}],"response_format":
                {"type":"json_schema","json_schema":{"schema":{"type":"array","items":{"enum":["star"]},"minItems":900} } } }
                """
            ),
        };
        HttpResponseMessage response = await server!.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return await response.EnsureSuccessStatusCode().Content.ReadAsStreamAsync();
    }

    private async Task<string[]> RunningAsync()
    {
        using JsonDocument running = JsonDocument.Parse(await server!.Http.GetStringAsync("/api/ps"));
        JsonElement models = running.RootElement.GetProperty("models");
        return [.. models.EnumerateArray().Select(static model => model.GetProperty("name").GetString()!).Order()];
    }
}
