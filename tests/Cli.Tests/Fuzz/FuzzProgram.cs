using System.Globalization;
using Tessera.Cli.Tests.Support;

namespace Tessera.Cli.Tests.Fuzz;

/// <summary>
/// The test assembly run as a program: answers a question with one mutant after another, so that an abort in native code takes this
/// process and not the tests'. Each line of its output begins what the next one ends, so that the last line names the culprit.
/// </summary>
internal static class FuzzProgram
{
    /// <param name="arguments">"fuzz", "language" or "projector", the language model, the projector, the first seed, how many, and a folder.</param>
    public static async Task<int> Main(string[] arguments)
    {
        if (arguments is not ["fuzz", string role, string language, string projector, string firstSeed, string count, string folder])
        {
            await Console.Error.WriteLineAsync("These tests are run by 'dotnet test'.");
            return 2;
        }

        string original = role == "language" ? language : projector, mutant = Path.Combine(folder, "mutant.gguf");
        (language, projector) = role == "language" ? (mutant, projector) : (language, mutant);
        int first = int.Parse(firstSeed, CultureInfo.InvariantCulture), end = first + int.Parse(count, CultureInfo.InvariantCulture);
        for (int seed = first; seed < end; seed++)
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
}
