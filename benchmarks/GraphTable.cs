using System.Diagnostics;
using System.Globalization;
using Tessera.Gguf;
using Tessera.Text;
using Tessera.Text.Graph;
using Tessera.Text.Llama;

namespace Tessera.Benchmarks;

/// <summary>
/// A plain llama as graphs built here against libllama, in turn: <c>graph-table FILE [ROWS] [TOKENS] [ROUNDS]</c>. With <c>graphs</c> or
/// <c>libllama</c> behind these, that one alone and the memory that it takes at the peak.
/// </summary>
internal static class GraphTable
{
    public static int Run(string[] arguments)
    {
        string path = arguments[0];
        int rows = Number(arguments, 1, 256),
            tokens = Number(arguments, 2, 32),
            rounds = Number(arguments, 3, 5);
        if (arguments.Length > 4)
            return RunAlone(path, isGraph: arguments[4] == "graphs", rows, tokens);
        using GgufFile file = GgufFile.Open(path);
        using GraphLanguageModel graphModel = GraphLanguageModel.Load(file, 0, null, default);
        long before = Environment.WorkingSet;
        using ILanguage graph = graphModel.Open(2048, 1, 0, CacheType.F16);
        using LanguageModel llamaModel = LanguageModel.Load(path, 0, null, default);
        using ILanguage llama = llamaModel.Open(2048, 1, 0, CacheType.F16);
        var times = new Dictionary<ILanguage, List<(double Prefill, double Decode)>> { [graph] = [], [llama] = [] };
        for (int round = 0; round <= rounds; round++)
        {
            foreach (ILanguage language in (ILanguage[])[graph, llama])
            {
                (double, double) time = Measure(language, rows, tokens);
                if (round > 0)
                    times[language].Add(time);
            }
        }

        Console.WriteLine($"{Path.GetFileName(path)}, {rows} rows, {tokens} tokens, medians of {rounds} in turn; ms");
        Console.WriteLine("| | prefill | decode, a token |\n|---|---|---|");
        foreach ((string name, ILanguage language) in ((string, ILanguage)[])[("graphs", graph), ("libllama", llama)])
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {name} | {Median(times[language].Select(static time => time.Prefill)):0.00} | "
                        + $"{Median(times[language].Select(static time => time.Decode)):0.000} |"
                )
            );
        Console.WriteLine($"working set with the graphs alone {before >> 20} MB");
        return 0;
    }

    private static int RunAlone(string path, bool isGraph, int rows, int tokens)
    {
        using GgufFile file = GgufFile.Open(path);
        using ILanguageModel model = isGraph ? GraphLanguageModel.Load(file, 0, null, default) : LanguageModel.Load(path, 0, null, default);
        using ILanguage language = model.Open(2048, 1, 0, CacheType.F16);
        (double prefill, double decode) = Measure(language, rows, tokens);
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"prefill {prefill:0} ms, decode {decode:0.0} ms a token, peak {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MB"
            )
        );
        return 0;
    }

    /// <summary>Milliseconds of a prefill, and of each token behind it.</summary>
    /// <param name="language">The language model.</param>
    /// <param name="rows">Rows of the prefill.</param>
    /// <param name="tokens">Tokens behind it.</param>
    /// <param name="view">What all rows see beside them; null for nothing.</param>
    public static (double Prefill, double Decode) Measure(ILanguage language, int rows, int tokens, MemoryView? view = null)
    {
        language.Cut(0, 0);
        var batch = new ContextBatch(language.BatchSize, language.RowWidth, null);
        for (int row = 0; row < rows; row++)
            Add(3 + row % 200, row, row == rows - 1);
        long started = Stopwatch.GetTimestamp();
        Decode(language, batch);
        double prefill = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        started = Stopwatch.GetTimestamp();
        for (int step = 0; step < tokens; step++)
        {
            batch.Clear();
            Add(3 + step, rows + step, true);
            Decode(language, batch);
        }

        return (prefill, tokens == 0 ? 0 : Stopwatch.GetElapsedTime(started).TotalMilliseconds / tokens);

        void Add(int token, int position, bool wantsLogits)
        {
            if (view is not null)
                batch.See(view);
            batch.AddToken(token, 0, position, wantsLogits);
        }
    }

    private static void Decode(ILanguage language, ContextBatch batch)
    {
        if (language.Decode(batch) != DecodeOutcome.Done)
            throw new InvalidOperationException("The rows could not be decoded.");
        if (language.Logits(batch.Count - 1).Length == 0)
            throw new InvalidOperationException("There are no logits.");
    }

    public static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);

    public static int Number(string[] arguments, int index, int standard) =>
        arguments.Length > index ? int.Parse(arguments[index], CultureInfo.InvariantCulture) : standard;
}
