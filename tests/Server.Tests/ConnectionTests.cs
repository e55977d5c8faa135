using System.Net;
using System.Net.Sockets;
using System.Text;
using Tessera.Server.Tests.Support;

namespace Tessera.Server.Tests;

/// <summary>Clients that send drop by drop, too much of it, or no more in the middle: none keeps a connection for long.</summary>
public sealed class ConnectionTests : IAsyncLifetime
{
    // Kestrel looks at its clocks once a second.
    private static readonly ServerOptions Impatient = TinyServer.Options with { RequestPatience = TimeSpan.FromSeconds(1.5) };
    private TinyServer? server;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await server!.DisposeAsync();

    [Fact]
    public async Task Headers_that_never_end_are_given_up()
    {
        using Socket client = await ConnectAsync("GET /health HTTP/1.1\r\nHost: localhost\r\n", Impatient);
        Task drops = DripAsync(client, "X-A: b\r\n");
        Assert.Contains(" 408 ", await ReadAsync(client), StringComparison.Ordinal);
        await drops;
    }

    [Fact]
    public async Task A_body_that_comes_drop_by_drop_is_given_up_in_the_apis_form()
    {
        using Socket client = await ConnectAsync(Post(contentLength: 5000) + "{\"messages\":", Impatient);
        Task drops = DripAsync(client, " ");
        string answer = await ReadAsync(client);
        Assert.Contains(" 408 ", answer, StringComparison.Ordinal);
        Assert.Contains("{\"error\":{\"message\":\"The request came too slowly.\"", answer, StringComparison.Ordinal);
        await drops;
    }

    [Theory]
    [InlineData("GET /health HTTP/1.1\r\nHost: localhost\r\nX: ", 40_000, "\r\n\r\n", 431)]
    [InlineData("GET /", 20_000, " HTTP/1.1\r\nHost: localhost\r\n\r\n", 414)]
    public async Task Headers_that_are_too_long_are_refused(string before, int length, string after, int status)
    {
        using Socket client = await ConnectAsync(before + new string('a', length) + after);
        Assert.Contains($" {status} ", await ReadAsync(client), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_many_headers_are_refused()
    {
        string headers = string.Concat(Enumerable.Range(0, 200).Select(static index => $"X-{index}: a\r\n"));
        using Socket client = await ConnectAsync($"GET /health HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        Assert.Contains(" 431 ", await ReadAsync(client), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"messages\":[{\"role\":")]
    [InlineData("")]
    public async Task Half_closed_within_a_body_the_connection_ends_and_the_others_go_on(string sent)
    {
        using Socket client = await ConnectAsync(Post(contentLength: 5000) + sent, Impatient);
        client.Shutdown(SocketShutdown.Send);
        Assert.DoesNotContain(" 500 ", await ReadAsync(client), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await server!.Http.GetAsync("/health")).StatusCode);
    }

    // Some clients close their half when the request is out, and wait.
    [Fact]
    public async Task Half_closed_behind_a_whole_request_the_connection_ends_within_its_answers_time()
    {
        string body = """{"max_tokens":4,"messages":[{"role":"user","content":"Hi"}]}""";
        using Socket client = await ConnectAsync(Post(body.Length) + body);
        client.Shutdown(SocketShutdown.Send);
        string answer = await ReadAsync(client);
        Assert.True(answer.Length == 0 || answer.Contains(" 200 ", StringComparison.Ordinal), answer);
        Assert.Equal(HttpStatusCode.OK, (await server!.Http.GetAsync("/health")).StatusCode);
    }

    private static string Post(int contentLength) =>
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + $"Content-Length: {contentLength}\r\n\r\n";

    private async Task<Socket> ConnectAsync(string text, ServerOptions? options = null)
    {
        server = await TinyServer.StartAsync(options ?? TinyServer.Options);
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(IPAddress.Loopback, server.Address.Port);
        await client.SendAsync(Encoding.ASCII.GetBytes(text));
        return client;
    }

    // Ten times a second, until the server has had enough.
    private static async Task DripAsync(Socket client, string drop)
    {
        try
        {
            for (long end = Environment.TickCount64 + (long)Patience.Limit.TotalMilliseconds; Environment.TickCount64 < end; )
            {
                await client.SendAsync(Encoding.ASCII.GetBytes(drop));
                await Task.Delay(100);
            }

            Assert.Fail("The server took drops for minutes.");
        }
        catch (Exception failure) when (failure is SocketException or ObjectDisposedException)
        {
            // As it should be.
        }
    }

    private static async Task<string> ReadAsync(Socket client)
    {
        using var limit = new CancellationTokenSource(Patience.Limit);
        using var answer = new MemoryStream();
        var buffer = new byte[4096];
        try
        {
            for (int count; (count = await client.ReceiveAsync(buffer, limit.Token)) > 0; )
                answer.Write(buffer, 0, count);
        }
        catch (SocketException)
        {
            // What was read before the connection was reset counts.
        }

        client.Close();
        return Encoding.UTF8.GetString(answer.ToArray());
    }
}
