using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>The server as a program; what it answers is tested in Server.Tests.</summary>
public sealed class ServeTests
{
    [UnixFact]
    public async Task It_says_where_it_answers_and_ends_well_when_told_to()
    {
        using CliProcess process = CliProcess.Start(["serve", "--port", "0", "--json"]);
        JsonElement document = JsonDocument.Parse(await process.OutputAsync(static text => text.EndsWith('\n'))).RootElement;
        Assert.Equal("tiny", document.GetProperty("models")[0].GetString());
        var address = new Uri(document.GetProperty("addresses")[0].GetString()!);
        using var client = new HttpClient { BaseAddress = address, Timeout = Patience.Limit };
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/ready")).StatusCode);
        Assert.Contains("tiny", await client.GetStringAsync("/v1/models"), StringComparison.Ordinal);
        process.Signal(PosixSignal.SIGTERM);
        CliRun run = await process.EndAsync();
        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task An_address_that_is_taken_is_told()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        CliRun run = await CliRun.InProcessAsync("serve", "--port", $"{((IPEndPoint)taken.LocalEndpoint).Port}");
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("cannot be listened at", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--host", "example.org")]
    [InlineData("-m", "no-such-model")]
    public async Task What_cannot_be_served_is_told(string option, string value)
    {
        CliRun run = await CliRun.InProcessAsync("serve", "--port", "0", option, value);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(value, run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--keep-alive", "soon")]
    [InlineData("--port", "70000")]
    [InlineData("--allow-picture-folder", "/no/such/folder")]
    [InlineData("--mmproj", "a.gguf", "--mmproj", "b.gguf")]
    [InlineData("-m", "tiny", "-m", "tiny")]
    public async Task Options_that_do_not_fit_are_wrong_usage(params string[] options) =>
        Assert.Equal(2, (await CliRun.InProcessAsync(["serve", .. options])).ExitCode);
}
