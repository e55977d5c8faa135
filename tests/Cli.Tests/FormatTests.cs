using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary><c>ask --schema</c> prints the object and nothing else; <c>--grammar</c> follows a grammar; bad files get a sentence.</summary>
public sealed class FormatTests : IDisposable
{
    private const string Schema =
        """{"type":"object","properties":{"n":{"type":"integer","minimum":1,"maximum":9},"ok":{"type":"boolean"}},"required":["n","ok"]}""";
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_schema_prints_the_object()
    {
        string path = await FileAsync("s.json", Schema);
        CliRun run = await CliRun.AskGoldenAsync("--schema", path, "What?");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        JsonElement value = run.Json;
        Assert.InRange(value.GetProperty("n").GetInt32(), 1, 9);
        CliRun json = await CliRun.AskGoldenAsync("--schema", path, "--json", "What?");
        Assert.Equal("stop", json.Json.GetProperty("finish_reason").GetString());
        Assert.Equal(run.Out.TrimEnd('\n'), json.Json.GetProperty("text").GetString());
    }

    [Fact]
    public async Task A_cut_object_is_not_printed() =>
        (await CliRun.AskGoldenAsync("--schema", await FileAsync("s.json", Schema), "--max-tokens", "1", "What?")).ShouldFail(
            1,
            "cut after 1 token,",
            "--max-tokens"
        );

    [Fact]
    public async Task A_grammar_is_followed()
    {
        CliRun run = await CliRun.AskGoldenAsync("--grammar", await FileAsync("g.gbnf", "root ::= \"1\" [0-9]{3}\n"), "What?");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Matches("^1[0-9]{3}\n$", run.Out);
    }

    [Theory]
    [InlineData("--schema", "{", "line 1")]
    [InlineData("--schema", """{"properties":{"a":{"minimum":2,"maximum":1}}}""", "#/properties/a: \"minimum\"")]
    [InlineData("--grammar", "root ::= x\n", "line 1, column 10")]
    [InlineData("--grammar", "", "root")]
    public async Task A_bad_file_gets_a_sentence(string option, string content, string named)
    {
        string path = await FileAsync("bad.txt", content);
        (await CliRun.AskGoldenAsync(option, path, "What?")).ShouldFail(1, path, named);
    }

    [Theory]
    [InlineData("--schema")]
    [InlineData("--grammar")]
    public async Task No_file_gets_a_sentence(string option)
    {
        (await CliRun.AskGoldenAsync(option, folder.File("none"), "What?")).ShouldFail(1, "none", "no such file");
        (await CliRun.AskGoldenAsync(option, folder.File("."), "What?")).ShouldFail(1, "folder");
        (await CliRun.AskGoldenAsync(option, await FileAsync("large", new string(' ', 2 << 20)), "What?")).ShouldFail(1, "too large");
        await File.WriteAllBytesAsync(folder.File("bytes"), [0x80, 0xFF]);
        (await CliRun.AskGoldenAsync(option, folder.File("bytes"), "What?")).ShouldFail(1, "UTF-8");
    }

    [Fact]
    public async Task Both_are_wrong_usage() =>
        (await CliRun.AskGoldenAsync("--schema", "a", "--grammar", "b", "What?")).ShouldFail(2, "--schema", "--grammar");

    private async Task<string> FileAsync(string name, string content)
    {
        await File.WriteAllTextAsync(folder.File(name), content);
        return folder.File(name);
    }
}
