using System.Net;
using System.Net.Sockets;
using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Pictures and prompts that cannot be used: each gets one sentence that names it and the way out.</summary>
public sealed class BadInputTests : IDisposable
{
    private static readonly string Picture = Goldens.Picture("small");
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public Task A_missing_picture() => FailsAsync(folder.File("missing.png"), "there is no such file");

    [Fact]
    public Task An_empty_picture() => FailsAsync(folder.File("empty.png", []), "empty");

    [Fact]
    public Task Not_a_picture() => FailsAsync(folder.File("text.png", "This is no picture, whatever its name says."u8), "text.png");

    [Fact]
    public Task A_model_as_picture() => FailsAsync(Goldens.Projector, "mmproj");

    [Fact]
    public Task A_folder() => FailsAsync(folder.FullName, "folder");

    [Fact]
    public Task An_unreadable_picture() =>
        OperatingSystem.IsLinux() ? FailsAsync("/proc/self/mem", "only regular files can be read") : Task.CompletedTask;

    [Fact]
    public async Task A_truncated_picture()
    {
        byte[] whole = File.ReadAllBytes(Goldens.Picture("page"));
        string cut = folder.File("cut.png", whole.AsSpan(0, whole.Length / 2));
        (await AskAsync("-i", cut, "What?")).ShouldFail(1, cut);
    }

    [Fact]
    public async Task A_picture_beyond_the_limit() =>
        (await CliProcess.RunAsync("look", Picture, "--max-pixels", "10")).ShouldFail(1, Picture, "10");

    [Fact]
    public async Task A_prompt_longer_than_the_context() =>
        (await AskAsync("--context", "64", string.Join(' ', Enumerable.Repeat("colour", 200)))).ShouldFail(
            1,
            "context holds 64",
            "--context"
        );

    [Fact]
    public async Task Pictures_that_overflow_the_context() =>
        (await AskAsync("--context", "40", "-i", Picture, "-i", Picture, "-i", Picture, "What?")).ShouldFail(
            1,
            "context holds 40",
            "fewer pictures",
            "--context"
        );

    [Fact]
    public async Task A_context_beyond_the_memory() =>
        (await AskAsync("--context", "2000000000", "What?")).ShouldFail(1, Goldens.Language, "2000000000", "--context");

    [Fact]
    public async Task More_places_than_pictures() =>
        (await AskAsync("-i", Picture, "--raw", "<__media__> <__media__>")).ShouldFail(1, "2 places", "1 pictures");

    [Fact]
    public async Task A_file_to_write_in_no_folder()
    {
        string path = folder.File(Path.Combine("none", "x.npy"));
        (await CliProcess.RunAsync("encode", Picture, "--out", path)).ShouldFail(1, path, "no folder");
        (await CliProcess.RunAsync("look", Picture, "--save", path)).ShouldFail(1, path, "no folder");
        (await CliProcess.RunAsync("encode", Picture, "--out", folder.FullName)).ShouldFail(1, folder.FullName, "folder");
    }

    [Fact]
    public async Task An_address_that_refuses()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        int port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        await FailsAsync($"http://127.0.0.1:{port}/cat.png", "refused");
    }

    [Theory]
    [InlineData("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 600000000\r\n\r\n", "512 MB")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", "cannot be fetched")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>", "cat.png")]
    [InlineData("this is not HTTP\r\n\r\n", "cannot be fetched")]
    public async Task An_address_that_answers_badly(string response, string reason)
    {
        using Server server = new(Encoding.ASCII.GetBytes(response));
        await FailsAsync(server.Address, reason);
    }

    [Fact]
    public async Task An_address_that_answers_well()
    {
        byte[] picture = await File.ReadAllBytesAsync(Picture);
        using Server server = new([.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {picture.Length}\r\n\r\n"), .. picture]);
        CliRun run = await CliProcess.RunAsync("look", server.Address, "--json");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.True(run.Json.GetProperty("image_tokens").GetInt32() > 0);
    }

    // All three commands that take a picture.
    private async Task FailsAsync(string picture, string reason)
    {
        (await AskAsync("-i", picture, "What?")).ShouldFail(1, picture, reason);
        (await CliRun.InProcessAsync("look", picture)).ShouldFail(1, picture, reason);
        (await CliRun.InProcessAsync("encode", picture, "--out", folder.File("x.npy"))).ShouldFail(1, picture, reason);
        Assert.False(File.Exists(folder.File("x.npy")));
    }

    private static Task<CliRun> AskAsync(params string[] arguments) =>
        CliProcess.RunAsync(CliRun.GoldenArguments(["--threads", "1", .. arguments]));

    /// <summary>Answers every connection with the same bytes.</summary>
    private sealed class Server : IDisposable
    {
        private readonly TcpListener listener = new(IPAddress.Loopback, 0);

        public Server(byte[] response)
        {
            listener.Start();
            _ = AnswerAsync(response);
        }

        public string Address => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/cat.png";

        public void Dispose() => listener.Dispose();

        private async Task AnswerAsync(byte[] response)
        {
            try
            {
                while (true)
                {
                    using TcpClient client = await listener.AcceptTcpClientAsync();
                    NetworkStream stream = client.GetStream();
                    await stream.ReadAtLeastAsync(new byte[4096], 1);
                    await stream.WriteAsync(response);
                    client.Client.Shutdown(SocketShutdown.Send);
                    // Until the other side has read and closed.
                    await stream.ReadAtLeastAsync(new byte[1], 1, throwOnEndOfStream: false);
                }
            }
            catch (Exception closed) when (closed is SocketException or ObjectDisposedException or IOException)
            {
                // The test is over, or the program did not want the rest.
            }
        }
    }
}
