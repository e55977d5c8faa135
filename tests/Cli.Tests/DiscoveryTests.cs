using System.Text.Json;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>What somebody finds without having read anything: help, completion, settings, the log, pieces as documents.</summary>
public sealed class DiscoveryTests : IDisposable
{
    private static readonly string Picture = Goldens.RepositoryPath("samples", "heart.png");
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData]
    [InlineData("help")]
    [InlineData("--help")]
    public async Task Help_says_what_to_try_first(params string[] arguments)
    {
        CliRun run = await CliProcess.RunAsync(arguments);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("\nWhat to try first:\n  tessera ask -i cat.jpg", run.Out, StringComparison.Ordinal);
        Assert.Contains("completion", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_of_a_command_and_the_version()
    {
        Assert.Equal((await CliProcess.RunAsync("look", "--help")).Out, (await CliProcess.RunAsync("help", "look")).Out);
        CliRun version = await CliProcess.RunAsync("-v");
        Assert.Equal((await CliProcess.RunAsync("--version")).Out, version.Out);
        Assert.Matches(@"^\d+\.\d+\.\d+", version.Out);
    }

    [Fact]
    public async Task Settings_choose_a_model_and_options()
    {
        Settings("""{ "model": "tiny-next", "temperature": 0, /* short */ "max-tokens": 3, "stop": ["zzz"], }""");
        CliRun run = await RunAsync("ask", "-i", Picture, "--json", "What?");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Equal((336, 3), (run.Json.GetProperty("image_tokens").GetInt32(), run.Json.GetProperty("completion_tokens").GetInt32()));
        // The command line comes first.
        run = await RunAsync("ask", "-i", Picture, "-m", "tiny", "--max-tokens", "2", "--json", "What?");
        Assert.Equal((64, 2), (run.Json.GetProperty("image_tokens").GetInt32(), run.Json.GetProperty("completion_tokens").GetInt32()));
        // Commands without an option are not disturbed by it.
        Assert.Equal(0, (await RunAsync("inspect", Goldens.Language)).ExitCode);
        Assert.Contains("LLaVA-NeXT", (await RunAsync("look", Picture)).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_variable_comes_before_the_file()
    {
        Settings("""{"model": "no-such-model", "mmproj": "none.gguf"}""");
        CliRun run = await CliProcess.RunAsync(
            ["look", Picture],
            [],
            ("XDG_CONFIG_HOME", folder.FullName),
            ("APPDATA", folder.FullName),
            ("TESSERA_MODEL", "tiny-next")
        );
        Assert.Contains("LLaVA-NeXT", run.Out, StringComparison.Ordinal);
        (await CliProcess.RunAsync(["look", Picture], [], ("TESSERA_MODEL", "no-such-model"))).ShouldFail(1, "no-such-model");
    }

    [Theory]
    [InlineData("""{"temprature": 1}""", "config.json: 'temprature' is no option of any command; did you mean temperature?")]
    [InlineData("""{"temperature": "hot"}""", "config.json: --temperature is 'hot'")]
    [InlineData("""{"temperature": {}}""", "config.json: 'temperature' is no text, number")]
    [InlineData("{", "config.json: it is no JSON (line 1)")]
    [InlineData("[]", "config.json: it is no JSON object")]
    public async Task Wrong_settings_are_told(string text, string expected)
    {
        Settings(text);
        (await RunAsync("ask", "What?")).ShouldFail(2, expected);
        // Help is there all the same.
        Assert.Equal(0, (await RunAsync("--help")).ExitCode);
    }

    [Fact]
    public async Task The_natives_log_is_shown_on_request()
    {
        CliRun run = await CliProcess.RunAsync("ask", "--verbose", "--max-tokens", "1", "--json", "What?");
        Assert.Contains("llama_model_loader", run.Error, StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Object, run.Json.ValueKind);
    }

    [Fact]
    public async Task Pieces_are_documents_on_lines()
    {
        CliRun run = await CliRun.AskGoldenAsync("--json-lines", "--max-tokens", "6", "What?");
        JsonElement[] lines =
        [
            .. run.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonDocument.Parse(line).RootElement),
        ];
        Assert.True(lines.Length > 2);
        string text = string.Concat(lines[..^1].Select(static line => line.GetProperty("text").GetString()));
        Assert.Equal(lines[^1].GetProperty("text").GetString(), text);
        Assert.Equal("length", lines[^1].GetProperty("finish_reason").GetString());
        CliRun failed = await CliRun.InProcessAsync("ask", "--json-lines", "-i", "gone.png", "What?");
        Assert.Equal("image", failed.Json.GetProperty("error").GetProperty("kind").GetString());
    }

    [Fact]
    public async Task A_template_of_ones_own()
    {
        string template = folder.File("t.jinja", "{% for m in messages %}SAY {{ m.content }}{% endfor %}"u8);
        CliRun own = await CliRun.AskGoldenAsync("--chat-template", template, "--max-tokens", "1", "--json", "What?"),
            plain = await CliRun.AskGoldenAsync("--raw", "--max-tokens", "1", "--json", "SAY What?");
        Assert.Equal(0, own.ExitCode);
        Assert.Equal(plain.Json.GetProperty("prompt_tokens").GetInt32(), own.Json.GetProperty("prompt_tokens").GetInt32());
        (await CliRun.AskGoldenAsync("--chat-template", folder.File("bad.jinja", "{% for %}"u8), "What?")).ShouldFail(1, "template");
        (await CliRun.AskGoldenAsync("--chat-template", folder.File("gone.jinja"), "What?")).ShouldFail(1, "gone.jinja", "no such file");
    }

    [Fact]
    public async Task A_chat_changes_its_model_and_the_form_of_its_answers()
    {
        string schema = folder.File("s.json", """{"enum":["red","blue"]}"""u8);
        CliRun run = await CliProcess.RunAsync(
            ["chat", "--temperature", "0"],
            System.Text.Encoding.UTF8.GetBytes(
                $"/model\n/model tiny-next\n/image {Picture}\n/schema\n/schema {schema}\nWhat?\n/schema off\n/model nonsense\n"
            )
        );
        string[] said = run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("tessera-tiny-Q8_0.gguf, LLaVA: 2048 tokens of context, on ", said[0], StringComparison.Ordinal);
        Assert.Matches("^[^ ]+, LLaVA-NeXT: .* The conversation is empty\\.$", said[1]);
        Assert.Contains("5 slices, 336 tokens", said[2], StringComparison.Ordinal);
        Assert.Equal("Answers are free: /schema FILE makes them JSON.", said[3]);
        Assert.Equal($"Answers follow {schema}; /schema off frees them.", said[4]);
        Assert.Equal("Answers are free: /schema FILE makes them JSON.", said[5]);
        Assert.StartsWith("tessera: 'nonsense' is neither a file nor a name", said[6], StringComparison.Ordinal);
        Assert.Matches("^\"(red|blue)\"\n$", run.Out);
        Assert.Equal(1, run.ExitCode);
    }

    [TmuxFact]
    public async Task A_shell_completes_commands_and_options()
    {
        Directory.CreateDirectory(folder.File("bin"));
        File.CreateSymbolicLink(folder.File("bin/tessera"), CliProcess.Program);
        using var terminal = new TmuxTerminal(
            100,
            24,
            folder.FullName,
            [$"PATH={folder.File("bin")}:/usr/bin:/bin", "PS1=$ "],
            ["bash", "--norc", "--noprofile", "-i"]
        );
        await terminal.WaitForLastRowAsync("$");
        await terminal.EnterAsync("source <(tessera completion bash)");
        await terminal.WaitForLastRowAsync("$");
        terminal.Type("tessera ins");
        terminal.Press("Tab");
        await terminal.WaitForLastRowAsync("$ tessera inspect");
        terminal.Press("C-u");
        terminal.Type("tessera ask --temp");
        terminal.Press("Tab");
        await terminal.WaitForLastRowAsync("$ tessera ask --temperature");
    }

    [Theory]
    [InlineData("zsh")]
    [InlineData("fish")]
    [InlineData("pwsh")]
    public async Task Every_shell_has_its_script(string shell)
    {
        CliRun run = await CliRun.InProcessAsync("completion", shell);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains("[suggest:", run.Out, StringComparison.Ordinal);
        (await CliRun.InProcessAsync("completion", "tcsh")).ShouldFail(2, "tcsh", "bash");
    }

    private void Settings(string text)
    {
        Directory.CreateDirectory(folder.File("tessera"));
        File.WriteAllText(folder.File("tessera/config.json"), text);
    }

    private Task<CliRun> RunAsync(params string[] arguments) =>
        CliProcess.RunAsync(arguments, [], ("XDG_CONFIG_HOME", folder.FullName), ("APPDATA", folder.FullName));
}
