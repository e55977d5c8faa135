using System.Diagnostics;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>What a shell and a terminal see: closed pipes, no escape sequences where nobody wants them. Needs sh and util-linux's
/// script.</summary>
public sealed class TerminalTests
{
    private const char Escape = '\e';
    private static readonly string Picture = Goldens.Picture("small");
    private static readonly string Ask =
        $"'{CliProcess.Program}' "
        + $"{string.Join(' ', CliRun.GoldenArguments("--threads", "1", "-i", Picture).Select(static text => $"'{text}'"))}";

    private static bool HasScript => OperatingSystem.IsLinux() && File.Exists("/usr/bin/script");

    [Theory]
    [InlineData("--max-tokens 200 'What?' | head -c 3", "The answer was cut after 200 tokens: raise --max-tokens.\n")]
    [InlineData("--max-tokens 3 --json 'What?' | true", "")]
    public async Task A_reader_that_closes_the_pipe(string rest, string remark)
    {
        if (OperatingSystem.IsWindows())
            return;
        CliRun run = await ShellAsync($"{Ask} {rest}");
        Assert.Equal((0, remark), (run.ExitCode, run.Error));
    }

    [Fact]
    public async Task A_full_disk()
    {
        if (!OperatingSystem.IsLinux())
            return;
        (await ShellAsync($"'{CliProcess.Program}' look '{Picture}' > /dev/full")).ShouldFail(1, "No space left");
    }

    [Theory]
    [InlineData("TERM=dumb")]
    [InlineData("TERM=xterm-256color NO_COLOR=1")]
    public async Task No_escapes_for_plain_terminals(string environment)
    {
        if (!HasScript)
            return;
        CliRun run = await ShellAsync($"{environment} script -qec \"{Ask} --max-tokens 3 'What?'\" /dev/null < /dev/null");
        Assert.Equal(0, run.ExitCode);
        Assert.DoesNotContain(Escape, run.Out);
    }

    [Fact]
    public async Task No_escapes_when_standard_error_is_a_file()
    {
        if (!HasScript)
            return;
        CliRun run = await ShellAsync(
            $"TERM=xterm-256color script -qec \"{Ask} --max-tokens 3 'What?' 2>/dev/null\" /dev/null < /dev/null"
        );
        Assert.Equal(0, run.ExitCode);
        Assert.DoesNotContain(Escape, run.Out);
    }

    [Fact]
    public async Task Progress_on_a_terminal_leaves_only_the_answer()
    {
        if (!HasScript)
            return;
        string plain = (await ShellAsync($"{Ask} --max-tokens 3 'What?'")).Out;
        CliRun run = await ShellAsync($"TERM=xterm-256color script -qec \"{Ask} --max-tokens 3 'What?'\" /dev/null < /dev/null");
        Assert.Contains("\e[?25l", run.Out, StringComparison.Ordinal);
        Assert.EndsWith($"{plain}The answer was cut after 3 tokens: raise --max-tokens.\n", run.Out, StringComparison.Ordinal);
        // The cursor that the bar hid is shown again.
        Assert.True(run.Out.LastIndexOf("\e[?25h", StringComparison.Ordinal) > run.Out.LastIndexOf("\e[?25l", StringComparison.Ordinal));
    }

    // What is said there is lost, and the answer is not.
    [Theory]
    [InlineData("2>/dev/full")]
    [InlineData("2>&-")]
    public async Task Nobody_reads_remarks(string redirection)
    {
        if (!OperatingSystem.IsLinux())
            return;
        CliRun run = await ShellAsync($"{Ask} --max-tokens 3 'What?' {redirection}");
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.NotEmpty(run.Out);
    }

    private static async Task<CliRun> ShellAsync(string command)
    {
        using var limit = new CancellationTokenSource(Patience.Limit);
        using Process shell = Process.Start(
            new ProcessStartInfo("sh", ["-c", command])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                RedirectStandardInput = true,
            }
        )!;
        shell.StandardInput.Close();
        Task<string> output = shell.StandardOutput.ReadToEndAsync(limit.Token),
            error = shell.StandardError.ReadToEndAsync(limit.Token);
        await shell.WaitForExitAsync(limit.Token);
        return new CliRun(shell.ExitCode, (await output).ReplaceLineEndings("\n"), await error);
    }
}
