using System.Diagnostics;
using System.Globalization;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Fuzz;

/// <summary>What became of a range of mutants.</summary>
/// <param name="AnsweredCount">Mutants that were harmless.</param>
/// <param name="RefusedCount">Mutants that were refused with a sentence.</param>
/// <param name="Findings">A line for each mutant that ended its process, took too long, or got no proper sentence.</param>
internal sealed record FuzzReport(int AnsweredCount, int RefusedCount, IReadOnlyList<string> Findings);

/// <summary>Runs <see cref="FuzzProgram"/> in processes of its own, and goes on with the next mutant when one of them ends early.</summary>
internal static class FuzzRun
{
    private const int ChunkLength = 200;

    // Mutants take some 10 ms each; a hang is far beyond what a busy machine makes of that.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    public static async Task<FuzzReport> RunAsync(string role, string language, string projector, int first, int count)
    {
        int answered = 0, refused = 0;
        var findings = new List<string>();
        for (int next = first, end = first + count; next < end;)
        {
            int chunk = Math.Min(ChunkLength, end - next);
            (int exitCode, string[] lines, string error) = await RunChunkAsync(role, language, projector, next, chunk);
            foreach (string line in lines.Where(static line => line.Contains(" ends ", StringComparison.Ordinal)))
            {
                if (line.Contains(" ends 0", StringComparison.Ordinal)) answered++;
                else if (IsSentence(line)) refused++;
                else findings.Add(line);
            }

            next += chunk;
            if (exitCode == 0) continue;
            string last = lines.LastOrDefault(static line => line.EndsWith(" begins", StringComparison.Ordinal)) ?? throw new InvalidOperationException($"The fuzzer does not start: {error}");
            findings.Add($"{last}, and its process ends with {exitCode}: {error.Trim()}");
            next = int.Parse(last.Split(' ')[0], CultureInfo.InvariantCulture) + 1;
        }

        return new FuzzReport(answered, refused, findings);
    }

    private static bool IsSentence(string line) =>
        line.Contains(" ends 1 tessera: ", StringComparison.Ordinal) && line.TrimEnd().EndsWith('.') && !line.Contains("should not happen", StringComparison.Ordinal);

    private static async Task<(int ExitCode, string[] Lines, string Error)> RunChunkAsync(string role, string language, string projector, int first, int count)
    {
        using var folder = new TemporaryFolder();
        string[] arguments = [typeof(FuzzRun).Assembly.Location, "fuzz", role, language, projector, Text(first), Text(count), folder.FullName];
        using Process process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
        }

        return (process.ExitCode, (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries), await error);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
