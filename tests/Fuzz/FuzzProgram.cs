using System.CommandLine;
using System.Globalization;
using Tessera.Fuzz.Campaign;
using Tessera.Fuzz.Chaos;
using Tessera.Fuzz.Kinds;
using Tessera.Fuzz.Soak;

namespace Tessera.Fuzz;

/// <summary>
/// Campaigns of hostile inputs: <c>dotnet run --project tests/Fuzz -c Release -- --minutes 2 --seed 20261129 --kind template</c>.
/// The README beside this file says what else there is.
/// </summary>
internal static class FuzzProgram
{
    public static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["worker", string kind, string seed, string first, string end, string progress, string folder]:
                return await Worker.RunAsync(kind, (int)Number(seed), Number(first), Number(end), progress, folder);
            case ["replay-one", string kind, string file, string progress, string folder]:
                return await Worker.ReplayAsync(kind, file, progress, folder);
            case ["trial", .. var trial]:
                return ModelTrial.Run(trial, Console.OpenStandardInput(), Console.Out);
        }

        return await Create().Parse(arguments).InvokeAsync();
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);

    private static RootCommand Create()
    {
        var minutes = new Option<double>("--minutes")
        {
            Description = "Minutes for all kinds together.",
            DefaultValueFactory = static _ => 2,
        };
        var seed = new Option<int>("--seed") { Description = "The same seed gives the same inputs.", DefaultValueFactory = static _ => 1 };
        var kinds = new Option<string[]>("--kind")
        {
            Description = $"{string.Join(", ", FuzzKinds.Names)}; without it, all.",
            DefaultValueFactory = static _ => [.. FuzzKinds.Names],
        };
        kinds.AcceptOnlyFromAmong([.. FuzzKinds.Names]);
        var first = new Option<long>("--first") { Description = "Number of the first input.", DefaultValueFactory = static _ => 0 };
        var inputs = new Option<long>("--inputs")
        {
            Description = "The most inputs of each kind.",
            DefaultValueFactory = static _ => long.MaxValue / 2,
        };
        var jobs = new Option<int>("--jobs")
        {
            Description = "Kinds at a time.",
            DefaultValueFactory = static _ => Environment.ProcessorCount,
        };
        var found = new Option<string>("--found")
        {
            Description = "Where inputs that found something are kept.",
            DefaultValueFactory = static _ => Path.Combine(Path.GetTempPath(), "tessera-found"),
        };
        var replay = new Option<string?>("--replay") { Description = "A saved input, in a folder of its kind's name; or such a folder." };
        var root = new RootCommand("Tries hostile inputs on Tessera, in child processes.")
        {
            minutes,
            seed,
            kinds,
            first,
            inputs,
            jobs,
            found,
            replay,
        };
        root.Add(MinimizeCommand());
        root.Add(SoakCommand());
        root.Add(ChaosCommand());
        root.SetAction(
            async (parsed, cancellationToken) =>
            {
                if (parsed.GetValue(replay) is string saved)
                    return await ReplayAsync(saved, cancellationToken);
                string[] chosen = parsed.GetValue(kinds)!;
                int atOnce = Math.Clamp(parsed.GetValue(jobs), 1, chosen.Length);
                TimeSpan each = TimeSpan.FromMinutes(parsed.GetValue(minutes) * atOnce / chosen.Length);
                var options = new CampaignOptions(parsed.GetValue(seed), parsed.GetValue(first), parsed.GetValue(inputs), each);
                return await RunAsync(chosen, atOnce, options, new FoundFolder(parsed.GetValue(found)!), cancellationToken);
            }
        );
        return root;
    }

    private static Command MinimizeCommand()
    {
        var file = new Argument<string>("FILE") { Description = "A saved input, in a folder of its kind's name." };
        var minimize = new Command("minimize", "Makes a saved input smaller, as long as it does the same.") { file };
        minimize.SetAction(
            async (parsed, cancellationToken) =>
            {
                string path = parsed.GetRequiredValue(file);
                string? problem = await Minimizer.RunAsync(KindOf(path), path, Console.WriteLine, cancellationToken);
                Console.WriteLine(problem is null ? $"{path}: nothing" : $"{path}.small: {problem}");
                return problem is null ? 1 : 0;
            }
        );
        return minimize;
    }

    private static string KindOf(string file) => Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(file))!);

    private static Command SoakCommand()
    {
        var minutes = new Option<double>("--minutes") { Description = "How long.", DefaultValueFactory = static _ => 2 };
        var seed = new Option<int>("--seed") { Description = "Of the random choices.", DefaultValueFactory = static _ => 1 };
        var atOnce = new Option<int>("--at-once") { Description = "Conversations at a time.", DefaultValueFactory = static _ => 5 };
        var soak = new Command("soak", "Holds many conversations at once, cancels, forks and disposes, and compares every answer.")
        {
            minutes,
            seed,
            atOnce,
        };
        soak.SetAction(
            (parsed, cancellationToken) =>
                SoakRun.RunAsync(parsed.GetValue(minutes), parsed.GetValue(seed), parsed.GetValue(atOnce), cancellationToken)
        );
        return soak;
    }

    private static Command ChaosCommand()
    {
        var rounds = new Option<int>("--rounds")
        {
            Description = "How often each command is killed.",
            DefaultValueFactory = static _ => 10,
        };
        var seed = new Option<int>("--seed") { Description = "Of the random moments.", DefaultValueFactory = static _ => 1 };
        var chaos = new Command("chaos", "Kills every command that writes, and gives it full disks and read-only folders.")
        {
            rounds,
            seed,
        };
        chaos.SetAction(
            (parsed, cancellationToken) => ChaosRun.RunAsync(parsed.GetValue(rounds), parsed.GetValue(seed), cancellationToken)
        );
        return chaos;
    }

    private static async Task<int> RunAsync(
        string[] kinds,
        int atOnce,
        CampaignOptions options,
        FoundFolder found,
        CancellationToken cancellationToken
    )
    {
        Console.WriteLine($"seed {options.Seed}: {options.Time.TotalSeconds:0} s for each of {kinds.Length} kinds, {atOnce} at a time");
        var campaign = new Campaign.Campaign(options, found, Console.WriteLine);
        var results = new KindResult[kinds.Length];
        await Parallel.ForAsync(
            0,
            kinds.Length,
            new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellationToken },
            async (index, stop) => results[index] = await campaign.RunAsync(kinds[index], stop)
        );
        Console.WriteLine(KindResult.Header);
        foreach (KindResult result in results)
            Console.WriteLine(result);
        long findings = results.Sum(static result => result.Findings);
        if (findings > 0)
            Console.WriteLine($"Some inputs of each finding are in {found.FullName}; --replay FILE tries one again.");
        Console.WriteLine($"{results.Sum(static result => result.Inputs)} inputs, {findings} findings");
        return findings == 0 ? 0 : 1;
    }

    private static async Task<int> ReplayAsync(string path, CancellationToken cancellationToken)
    {
        int findings = 0;
        string[] files = File.Exists(path) ? [path] : Directory.GetFiles(path, "*", SearchOption.AllDirectories);
        foreach (string file in files.Where(static file => Path.GetFileName(file) != "README").Order(StringComparer.Ordinal))
        {
            string? problem = await Campaign.Campaign.ReplayAsync(KindOf(file), file, cancellationToken);
            Console.WriteLine($"{file}: {problem ?? "nothing"}");
            if (problem is not null)
                findings++;
        }

        return findings == 0 ? 0 : 1;
    }
}
