using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Tessera.Server.Models;

namespace Tessera.Server.Tests.Support;

/// <summary>A server in this process, with the small model that comes with Tessera.</summary>
public sealed class TinyServer : IAsyncLifetime, IAsyncDisposable
{
    public const string Model = "tiny";
    public const string Question = "What is in this picture?";
    public const string Answer = "This is a yellow star and a purple diamond.";

    private TesseraServer? server;

    public static ModelOptions Files { get; } =
        new()
        {
            ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf"),
            ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-mmproj-Q8_0.gguf"),
        };

    /// <summary>The one that cuts pictures into slices.</summary>
    public static ModelOptions Slicing { get; } =
        new()
        {
            ModelPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-next-Q8_0.gguf"),
            ProjectorPath = RepositoryRoot.Path("models", "tiny", "tessera-tiny-next-mmproj-Q8_0.gguf"),
        };

    public static ServerOptions Options { get; } = new() { Models = static () => [new ServedModel(Model, Files)], Port = 0 };

    public TesseraServer Server => server!;

    public Uri Address => new(Server.Addresses[0]);

    // Whoever stops reading is gone at once.
    public HttpClient Http { get; } =
        new(new SocketsHttpHandler { MaxResponseDrainSize = 0, MaxConnectionsPerServer = int.MaxValue }) { Timeout = Patience.Limit };

    public static async Task<TinyServer> StartAsync(ServerOptions options)
    {
        var tiny = new TinyServer { server = await TesseraServer.StartAsync(options) };
        tiny.Http.BaseAddress = tiny.Address;
        return tiny;
    }

    /// <summary>Holds the model, loading it if need be, so that its answers are over no sooner than a test wants.</summary>
    internal async Task<AnswerHold> HoldAsync()
    {
        using ModelLease lease = await Server.Services.GetRequiredService<ModelShelf>().LeaseAsync(null, null, CancellationToken.None);
        return new AnswerHold(lease.Model);
    }

    public static byte[] Sample(string name) => File.ReadAllBytes(RepositoryRoot.Path("samples", name));

    public static string DataUri(string name) => $"data:image/png;base64,{Convert.ToBase64String(Sample(name))}";

    /// <summary>A chat completion's request about a picture, greedy.</summary>
    public static string Request(string picture = "shapes.png", string text = Question, string more = "") =>
        $$"""
            {"model":"tiny","temperature":0,"max_tokens":40,"messages":[{"role":"user","content":[
            {"type":"image_url","image_url":{"url":"{{DataUri(picture)}}"} },{"type":"text","text":{{JsonSerializer.Serialize(
                text
            )}}}]}]{{more}}}
            """;

    /// <summary>Sends JSON and reads what comes back.</summary>
    public async Task<(int Status, JsonElement Body)> PostAsync(string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await Http.PostAsync(path, content);
        return ((int)response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement);
    }

    public async Task InitializeAsync()
    {
        server = await TesseraServer.StartAsync(Options);
        Http.BaseAddress = Address;
    }

    public async Task DisposeAsync()
    {
        Http.Dispose();
        await Server.DisposeAsync();
    }

    async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();
}
