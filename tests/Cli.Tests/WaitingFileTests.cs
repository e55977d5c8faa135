using System.Diagnostics;
using System.Text;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Files that would be waited for for ever: pipes without a writer, in every place where a file can be named. Not on
/// Windows.</summary>
public sealed class WaitingFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_chat_takes_a_pipe_for_a_word()
    {
        if (OperatingSystem.IsWindows())
            return;
        string pipe = await PipeAsync();
        string[] lines =
        [
            $"Say {pipe} please",
            pipe,
            $"/image {pipe}",
            $"/look {pipe}",
            $"/load {pipe}",
            $"/save {pipe}",
            "/save /dev/null",
            "/load /dev/zero",
        ];
        using CliProcess chat = CliProcess.Start(["chat", "--temperature", "0", "--max-tokens", "8", "--threads", "1"]);
        await chat.WriteAsync(Encoding.UTF8.GetBytes(string.Join('\n', lines)));
        CliRun run = await chat.EndAsync();
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(2, run.Out.Count(static character => character == '\n'));
        string[] errors =
        [
            .. run
                .Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Where(static line => !line.Contains("was cut after", StringComparison.Ordinal)),
        ];
        Assert.Equal(6, errors.Length);
        Assert.All(errors, static error => Assert.Matches("^tessera: (.*pipe|/dev/null: it is a pipe|/dev/zero).*\\.$", error));
    }

    [Theory]
    [InlineData("ask", "--schema", "PIPE", "What?")]
    [InlineData("ask", "--grammar", "PIPE", "What?")]
    [InlineData("ask", "-i", "PIPE", "What?")]
    [InlineData("chat", "-i", "PIPE")]
    [InlineData("look", "PIPE")]
    [InlineData("look", "/dev/zero")]
    [InlineData("look", "shapes.png", "--save", "PIPE")]
    [InlineData("encode", "shapes.png", "--out", "PIPE")]
    [InlineData("encode", "shapes.png", "--out", "/dev/null")]
    [InlineData("inspect", "PIPE")]
    [InlineData("ask", "-m", "PIPE", "What?")]
    public async Task A_command_refuses_a_pipe(params string[] arguments)
    {
        if (OperatingSystem.IsWindows())
            return;
        string pipe = await PipeAsync();
        string[] named =
        [
            .. arguments.Select(name =>
                name == "PIPE" ? pipe
                : name == "shapes.png" ? Goldens.RepositoryPath("samples", name)
                : name
            ),
        ];
        CliRun run = await CliRun.InProcessAsync(named).WaitAsync(Patience.Limit);
        run.ShouldFail(
            1,
            arguments.First(static name => name is "PIPE" or "/dev/zero" or "/dev/null") is var name && name == "PIPE" ? pipe : name
        );
        Assert.True(File.Exists("/dev/null") && !File.Exists("/dev/null.npy"));
    }

    [Fact]
    public async Task What_a_shell_hands_over_open_is_read()
    {
        if (!OperatingSystem.IsLinux())
            return;
        string shapes = Goldens.RepositoryPath("samples", "shapes.png"),
            schema = folder.File("s.json", "{\"enum\":[\"yes\"]}"u8);
        string command = $"'{CliProcess.Program}' ask --threads 1 --temperature 0 -i <(cat '{shapes}') --schema <(cat '{schema}') 'Is it?'";
        using Process shell = Process.Start(
            new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        Assert.Equal("\"yes\"\n", await shell.StandardOutput.ReadToEndAsync());
    }

    private async Task<string> PipeAsync()
    {
        string pipe = folder.File("pipe");
        using Process make = Process.Start("mkfifo", [pipe]);
        await make.WaitForExitAsync();
        return pipe;
    }
}
