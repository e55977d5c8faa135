using System.Runtime.InteropServices;
using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>What a script learns: exit codes, and failures as documents.</summary>
public sealed class ExitCodeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData]
    [InlineData("--json")]
    public async Task An_object_that_was_cut(params string[] options)
    {
        string schema = folder.File("s.json", """{"type":"string","minLength":50}"""u8);
        CliRun run = await CliRun.AskGoldenAsync(["--schema", schema, "--max-tokens", "5", .. options, "What?"]);
        (run with { Out = "" }).ShouldFail(1, "was cut after 5 tokens");
        Assert.Equal(options.Length == 0 ? "" : "answer_cut", options.Length == 0 ? run.Out : KindIn(run));
    }

    [Theory]
    [InlineData("usage", 2, "ask", "--json", "--temperature", "abc", "What?")]
    [InlineData("usage", 2, "ask", "--json", "-i", "-", "-")]
    [InlineData("usage", 2, "frobnicate", "--json")]
    [InlineData("image", 1, "look", "gone.png", "--json")]
    [InlineData("model_file", 1, "inspect", "gone.gguf", "--json")]
    [InlineData("failed", 1, "ask", "-m", "no-such-model", "What?", "--json")]
    public async Task A_failure_with_json(string kind, int exitCode, params string[] arguments)
    {
        CliRun run = await CliProcess.RunAsync(arguments);
        (run with { Out = "" }).ShouldFail(exitCode);
        Assert.Equal(kind, KindIn(run));
    }

    [Fact]
    public async Task Without_json_before_two_dashes_a_failure_is_a_sentence() =>
        (await CliRun.InProcessAsync("ask", "-i", "gone.png", "--", "--json")).ShouldFail(1, "gone.png");

    [Fact]
    public async Task A_piped_chat_whose_saving_failed()
    {
        byte[] lines = Encoding.UTF8.GetBytes($"/save {folder.File("no/such/folder.chat")}\n/help\n");
        CliRun run = await CliProcess.RunAsync(["chat"], lines);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("there is no folder", run.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await CliProcess.RunAsync(["chat"], Encoding.UTF8.GetBytes($"/save {folder.File("a.chat")}\n"))).ExitCode);
    }

    [UnixFact]
    public async Task A_chat_that_is_told_to_end()
    {
        using CliProcess chat = CliProcess.Start(["chat"]);
        await Task.Delay(1500);
        chat.Signal(PosixSignal.SIGTERM);
        Assert.Equal(143, (await chat.EndAsync()).ExitCode);
    }

    private static string? KindIn(CliRun run) => run.Json.GetProperty("error").GetProperty("kind").GetString();
}
