using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests;

/// <summary>Wrong usage ends with 2 and a sentence that names the option; help has an example.</summary>
public sealed class UsageTests
{
    [Theory]
    [InlineData("--temperature abc", "--temperature is 'abc'")]
    [InlineData("--temperature NaN", "--temperature is 'NaN'")]
    [InlineData("--temperature -1", "within 0 to 100")]
    [InlineData("--max-tokens 0", "--max-tokens is '0'")]
    [InlineData("--max-tokens 99999999999", "--max-tokens is '99999999999'")]
    [InlineData("--max-tokens 1.5", "--max-tokens is '1.5'")]
    [InlineData("--seed -1", "--seed is '-1'")]
    [InlineData("--top-k -1", "--top-k")]
    [InlineData("--top-p 1.1", "--top-p")]
    [InlineData("--min-p x", "--min-p")]
    [InlineData("--repeat-penalty 0", "--repeat-penalty")]
    [InlineData("--beams 0", "--beams")]
    [InlineData("--threads 0", "--threads")]
    [InlineData("--threads 100000", "--threads")]
    [InlineData("--context 15", "--context")]
    [InlineData("--context 99999999999", "--context")]
    [InlineData("--gpu-layers many", "--gpu-layers")]
    [InlineData("--max-pixels 0", "--max-pixels")]
    [InlineData("--max-slices 0", "--max-slices")]
    [InlineData("--max-image-tokens -5", "--max-image-tokens")]
    [InlineData("--preprocess pillow", "original, transformers")]
    [InlineData("--bogus", "--bogus is no option of tessera ask")]
    public async Task A_wrong_value(string options, string named) =>
        (await CliRun.InProcessAsync(["ask", .. options.Split(' '), "What?"])).ShouldFail(2, named);

    [Theory]
    [InlineData("frobnicate", "frobnicate")]
    [InlineData("ask", "QUESTION")]
    [InlineData("ask -i", "-i")]
    [InlineData("ask one two", "two")]
    [InlineData("look", "IMAGE")]
    [InlineData("encode x.png", "--out")]
    [InlineData("encode x.png --out y.npy --stage tokens", "embeddings, memory, features, pixels")]
    [InlineData("look --threads x.png", "--threads")]
    [InlineData("inspect", "FILE")]
    [InlineData("inspect --frob", "--frob")]
    [InlineData("devices all", "all")]
    public async Task A_wrong_command_line(string arguments, string named) =>
        (await CliRun.InProcessAsync(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries))).ShouldFail(2, named);

    [Theory]
    [InlineData("ask", "-i", "-", "-")]
    [InlineData("ask", "-i", "-", "-i", "-", "What?")]
    [InlineData("ask", "")]
    [InlineData("ask", " \t")]
    public async Task One_standard_input_and_a_question(params string[] arguments) =>
        (await CliRun.InProcessAsync(arguments)).ShouldFail(2);

    [Fact]
    public async Task An_empty_question_on_standard_input() =>
        (await CliProcess.RunAsync(["ask", "-"], "\n"u8.ToArray())).ShouldFail(2, "empty");

    [Theory]
    [InlineData("--help")]
    [InlineData("ask", "--help")]
    [InlineData("look", "-h")]
    [InlineData("encode", "-?")]
    [InlineData("inspect", "--help")]
    [InlineData("devices", "--help")]
    public async Task Help_has_an_example(params string[] arguments)
    {
        CliRun run = await CliRun.InProcessAsync(arguments);
        Assert.Equal((0, ""), (run.ExitCode, run.Error));
        Assert.Contains($"Example:\n  tessera {(arguments.Length > 1 ? arguments[0] : "ask")}", run.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", run.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_question_may_begin_with_a_dash_after_two() =>
        Assert.Equal(0, (await CliRun.AskGoldenAsync("--max-tokens", "1", "--", "--what")).ExitCode);
}
