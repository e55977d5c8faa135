using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Tessera.Server.Models;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Models that make room for each other where memory is short, as a plan that is made up says.</summary>
public sealed class RoomTests
{
    private static readonly string[] Names = ["one", "two", "three"];

    // What room was asked for: there is room for two, whatever this machine has.
    private readonly Channel<ModelOptions> planned = Channel.CreateUnbounded<ModelOptions>();
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
        List<ModelOptions> asked = Planned();
        Assert.NotEmpty(asked);
        Assert.All(asked, static files => Assert.Equal((3, 4096), (files.ParallelAnswerCount, files.CacheLength)));
    }

    [Fact]
    public async Task One_that_is_in_use_stays_and_where_all_are_a_request_waits()
    {
        await using TinyServer started = server = await TinyServer.StartAsync(Options());
        await AskAsync("two");
        using ModelLease used = await LeaseAsync("one");
        await AskAsync("three");
        Assert.Equal(["one", "three"], await RunningAsync());
        ModelLease other = await LeaseAsync("three");
        Planned();
        Task waiting = AskAsync("two");
        // It has found no room.
        await planned.Reader.ReadAsync();
        Assert.False(waiting.IsCompleted);
        other.Dispose();
        await waiting;
        Assert.Equal(["one", "two"], await RunningAsync());
    }

    private ServerOptions Options() =>
        TinyServer.Options with
        {
            Models = static () => [.. Names.Select(static name => new ServedModel(name, TinyServer.Files))],
            LoadsAtStart = false,
            MaxLoadedModels = 10,
            ParallelAnswerCount = 3,
            CacheLength = 4096,
            HasRoomAsync = async (files, cancellationToken) =>
            {
                bool hasRoom = (await RunningAsync()).Length < 2;
                await planned.Writer.WriteAsync(files, cancellationToken);
                return hasRoom;
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

    private Task<ModelLease> LeaseAsync(string model) =>
        server!.Server.Services.GetRequiredService<ModelShelf>().LeaseAsync(model, null, CancellationToken.None);

    private List<ModelOptions> Planned()
    {
        var taken = new List<ModelOptions>();
        while (planned.Reader.TryRead(out ModelOptions? files))
            taken.Add(files);
        return taken;
    }

    private async Task<string[]> RunningAsync()
    {
        using JsonDocument running = JsonDocument.Parse(await server!.Http.GetStringAsync("/api/ps"));
        JsonElement models = running.RootElement.GetProperty("models");
        return [.. models.EnumerateArray().Select(static model => model.GetProperty("name").GetString()!).Order()];
    }
}
