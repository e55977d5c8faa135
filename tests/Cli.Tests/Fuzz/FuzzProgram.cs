using System.Globalization;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Fuzz;

/// <summary>
/// The test assembly run as a program. <c>dotnet Tessera.Cli.Tests.dll</c> with
/// <c>fuzz ROLE LANGUAGE PROJECTOR FIRST COUNT FOLDER</c> answers a question with one mutant after another, so that an abort in native
/// code takes this process and not the tests';
/// <c>fuzz-all FIRST COUNT</c> does that to every kind of model, as long as one likes, and prints the seeds that ended a process;
/// <c>models FOLDER</c> writes the tests' models, to be looked at.
/// </summary>
internal static class FuzzProgram
{
    public static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["fuzz", string role, string language, string projector, string first, string count, string folder]:
                return await RunAsync(role, language, projector, Number(first), Number(count), folder);
            case ["fuzz-all", string first, string count]:
                return await RunAllAsync(Number(first), Number(count));
            case ["models", string folder]:
                Console.WriteLine(SlowProjectors.WriteDeep(Path.Combine(folder, "slow-mmproj.gguf")));
                foreach (string kind in LanguageModels.Names) Console.WriteLine(LanguageModels.Write(kind, Path.Combine(folder, $"{kind}.gguf")));
                return 0;
            default:
                await Console.Error.WriteLineAsync("These tests are run by 'dotnet test'; Fuzz/FuzzProgram.cs says what else there is.");
                return 2;
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    // Each line of output begins what the next one ends, so that the last line names the culprit.
    private static async Task<int> RunAsync(string role, string language, string projector, int first, int count, string folder)
    {
        string original = role == "language" ? language : projector, mutant = Path.Combine(folder, "mutant.gguf");
        (language, projector) = role == "language" ? (mutant, projector) : (language, mutant);
        for (int seed = first; seed < first + count; seed++)
        {
            if (!TryWrite(original, mutant, seed)) continue;
            Console.WriteLine($"{seed} begins");
            CliRun run = await CliRun.InProcessAsync("ask", "-m", language, "--mmproj", projector, "-i", Goldens.Picture("small"),
                "--temperature", seed % 2 == 0 ? "0" : "0.8", "--seed", "1", "--max-tokens", "3", "--threads", "1", "What colour is «this»?");
            Console.WriteLine($"{seed} ends {run.ExitCode} {run.Error.ReplaceLineEndings(" ")}");
        }

        return 0;
    }

    // Every fourth mutant has damaged bytes, the others are whole files that make no sense.
    private static bool TryWrite(string original, string mutant, int seed)
    {
        if (seed % 4 != 0) return new ModelMutator(original).TryWrite(mutant, seed);
        new ByteMutator(original, headerLength: 12_000).Write(mutant, seed);
        return true;
    }

    private static async Task<int> RunAllAsync(int first, int count)
    {
        using var folder = new TemporaryFolder();
        int found = 0;
        foreach (string kind in (string[])["projector", "llama", .. LanguageModels.Names])
        {
            string language = LanguageModels.Names.Contains(kind) ? LanguageModels.Write(kind, folder.File("original.gguf")) : Goldens.Language;
            FuzzReport report = await FuzzRun.RunAsync(kind == "projector" ? kind : "language", language, Goldens.Projector, first, count);
            foreach (string finding in report.Findings) Console.WriteLine($"{kind}: {finding}");
            Console.WriteLine($"{kind}: {report.RefusedCount} refused, {report.AnsweredCount} answered, {report.Findings.Count} findings");
            found += report.Findings.Count;
        }

        return found == 0 ? 0 : 1;
    }
}
