using System.Diagnostics;

namespace Tessera.LLamaSharp.Tests;

/// <summary>LLamaSharp with Tessera's embeddings answers as Tessera does, whoever loads the native libraries first.</summary>
public sealed class BesideLLamaSharpTests
{
    [Theory]
    [InlineData(TwoEngines.TesseraFirst)]
    [InlineData(TwoEngines.LLamaSharpFirst)]
    public async Task All_answers_are_equal_token_for_token(string order)
    {
        (int exitCode, string output, string error) = await RunAsync(order);
        Assert.True(exitCode == 0, $"It ended with {exitCode}: {error} {output}");
        string[][] lines = [.. output.Split('\n').Select(static line => line.Trim().Split(' ')).Where(static line => line.Length == 3)];
        var answers = lines.GroupBy(static line => line[0]).ToList();
        Assert.Equal(TwoEngines.QuestionCount, answers.Count);
        Assert.All(
            answers,
            static answer =>
            {
                Assert.Equal(["tessera", "context", "conversation"], answer.Select(static line => line[1]));
                Assert.Single(answer.Select(static line => line[2]).Distinct());
            }
        );
        Assert.True(answers.Select(static answer => answer.First()[2]).Distinct().Count() > 3, output);
    }

    // Only x64 has several builds to choose from.
    [Theory]
    [InlineData(TwoEngines.TesseraFirst)]
    [InlineData(TwoEngines.LLamaSharpFirst)]
    public async Task Two_sets_of_libraries_in_one_process_are_refused_in_a_sentence(string order)
    {
        string? other = Directory
            .EnumerateDirectories(Path.Combine(AppContext.BaseDirectory, "runtimes"), "noavx", SearchOption.AllDirectories)
            .FirstOrDefault();
        if (other is null)
            return;
        (int exitCode, string output, string error) = await RunAsync(order, other);
        Assert.Equal(1, exitCode);
        Assert.DoesNotContain("tessera", output, StringComparison.Ordinal);
        string sentence = error.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
        Assert.Contains("one process can have one of them", sentence, StringComparison.Ordinal);
        Assert.Contains(other, sentence, StringComparison.Ordinal);
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(string order, string? natives = null)
    {
        string program = typeof(TwoEngines).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", [program, order]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["TESSERA_NATIVE"] = natives;
        using Process process = Process.Start(start)!;
        using var limit = new CancellationTokenSource(Patience.Limit);
        Task<string> output = process.StandardOutput.ReadToEndAsync(limit.Token),
            error = process.StandardError.ReadToEndAsync(limit.Token);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{order} did not end within {Patience.Limit.TotalMinutes} minutes.");
        }

        return (process.ExitCode, await output, await error);
    }
}
