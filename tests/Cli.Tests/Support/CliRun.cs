using System.Text.Json;
using Tessera.Cli.Commands;
using Tessera.Cli.Output;

namespace Tessera.Cli.Tests.Support;

/// <summary>What a command line gave: run inside the test's process, or in one of its own.</summary>
internal sealed record CliRun(int ExitCode, string Out, string Error)
{
    /// <summary>Standard output as the one JSON document that it must be.</summary>
    public JsonElement Json => JsonDocument.Parse(Out).RootElement;

    /// <summary>Runs a command line inside this process.</summary>
    public static Task<CliRun> InProcessAsync(params string[] arguments) => InProcessAsync(arguments, []);

    /// <summary>Runs a command line inside this process, with bytes on standard input.</summary>
    public static async Task<CliRun> InProcessAsync(string[] arguments, byte[] input, CancellationToken cancellationToken = default)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var console = new CliConsole
        {
            Out = output,
            Error = error,
            OpenInput = () => new MemoryStream(input),
        };
        int exitCode = await TesseraCommand.RunAsync(arguments, console, cancellationToken);
        return new CliRun(exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Asks the tiny LLaVA-1.5 golden, greedily.</summary>
    public static Task<CliRun> AskGoldenAsync(params string[] arguments) => InProcessAsync(GoldenArguments(arguments));

    public static string[] GoldenArguments(params string[] arguments) =>
        ["ask", "-m", Goldens.Language, "--mmproj", Goldens.Projector, "--temperature", "0", .. arguments];

    /// <summary>What makes the tiny golden go on for many minutes: what was said once is said again.</summary>
    public static string[] Endless { get; } = [.. "--context 100000 --max-tokens 99000 --presence-penalty -100 --threads 1".Split(' ')];

    /// <summary>Standard error without the remark that an endless answer needs more context than the golden was trained with.</summary>
    public string ErrorBesideContext =>
        string.Join('\n', Error.Split('\n').Where(static line => !line.Contains("tokens of context", StringComparison.Ordinal)));

    /// <summary>Checks that it failed as it should: a code, nothing on standard output, and one sentence that names these.</summary>
    public void ShouldFail(int exitCode, params string[] named)
    {
        Assert.True(ExitCode == exitCode, $"Exit code {ExitCode} instead of {exitCode}: {Error}");
        Assert.Equal("", Out);
        string[] lines = Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.NotEmpty(lines);
        Assert.StartsWith("tessera: ", lines[0], StringComparison.Ordinal);
        Assert.True(lines[0][^1] is '.' or '?', lines[0]);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        // Wrong usage has a second line, which says how to get help.
        Assert.True(
            lines.Length == 1 || (exitCode == 2 && lines.Length == 2 && lines[1].StartsWith("Run 'tessera", StringComparison.Ordinal)),
            Error
        );
        foreach (string name in named)
            Assert.Contains(name, lines[0], StringComparison.Ordinal);
    }
}
