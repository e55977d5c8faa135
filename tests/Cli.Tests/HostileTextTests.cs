using System.Net;
using System.Net.Sockets;
using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>What files, models and servers say reaches a terminal without what would steer it, and not at any length.</summary>
public sealed class HostileTextTests : IDisposable
{
    private const string Hostile = "bad \e]0;title\a \e[31mred\u009B2J \u202Egnp.exe \u2066\u200F\r\n";
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_template_that_raises()
    {
        string long_ = string.Concat(Enumerable.Repeat("long ", 20_000));
        foreach (string words in (string[])[Hostile, Hostile + long_])
        {
            string model = EditableModel
                .Read(Goldens.RepositoryPath("models", "tiny", "tessera-tiny-Q8_0.gguf"))
                .Set("tokenizer.chat_template", $"{{{{ raise_exception('{words.Replace("\r\n", "", StringComparison.Ordinal)}') }}}}")
                .Save(folder.File("raising.gguf"));
            CliRun run = await CliRun.InProcessAsync("ask", "-m", model, "--threads", "1", "What?");
            run.ShouldFail(1, "bad");
            ShouldBePlain(run);
        }
    }

    [Fact]
    public async Task A_server_that_gives_a_reason()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Task served = Task.Run(async () =>
        {
            using TcpClient client = await listener.AcceptTcpClientAsync();
            await client
                .GetStream()
                .WriteAsync(Encoding.Latin1.GetBytes("HTTP/1.1 404 bad \e[31mred\u009B2J\r\nContent-Length: 0\r\n\r\n"));
        });
        CliRun run = await CliRun.InProcessAsync("look", $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/x.png");
        run.ShouldFail(1);
        ShouldBePlain(run);
        await served;
    }

    [Fact]
    public async Task Names_of_files()
    {
        if (OperatingSystem.IsWindows())
            return;
        string picture = folder.File("a\e[31m\u202Egnp.png", File.ReadAllBytes(Goldens.RepositoryPath("samples", "shapes.png")));
        foreach (
            string[] arguments in (string[][])
                [
                    ["look", picture + ".not"],
                    ["ask", "-m", picture, "What?"],
                    ["inspect", picture],
                    ["look", picture, "--mmproj", picture],
                    ["ask", "--schema", picture, "What?"],
                ]
        )
        {
            CliRun run = await CliRun.InProcessAsync(arguments);
            run.ShouldFail(1);
            ShouldBePlain(run);
        }

        CliRun chat = await CliRun.InProcessAsync(
            ["chat", "--threads", "1", "-i", picture],
            Encoding.UTF8.GetBytes($"/look\n/load {picture}\n/save {picture}\n/\e[31mx\n/params \e[31m 1")
        );
        Assert.Equal(1, chat.ExitCode);
        ShouldBePlain(chat);
    }

    [Fact]
    public async Task Wrong_usage()
    {
        CliRun run = await CliRun.InProcessAsync("look", "a.png", Hostile + new string('x', 100_000));
        run.ShouldFail(2);
        ShouldBePlain(run);
    }

    private static void ShouldBePlain(CliRun run)
    {
        Assert.DoesNotContain(run.Error, static character => char.IsControl(character) && character != '\n');
        Assert.DoesNotContain(
            run.Error,
            static character =>
                character is (>= '\u2028' and <= '\u202E') or (>= '\u2066' and <= '\u2069') or '\u200E' or '\u200F' or '\u061C'
        );
        Assert.All(run.Error.Split('\n'), static line => Assert.InRange(line.Length, 0, 1300));
    }
}
