using System.Globalization;
using Tessera.Gguf;
using Tessera.Synthetic;
using Tessera.Text;
using Tessera.Text.Graph;
using Tessera.Text.Llama;

namespace Tessera.Benchmarks;

/// <summary>
/// Llama 3.2 Vision's first five blocks, one of which looks at a picture of two tiles, against libllama on five plain blocks of the same
/// size, in turn: <c>memory-table FOLDER [ROWS] [TOKENS] [ROUNDS]</c>. Weights are random.
/// </summary>
internal static class MemoryTable
{
    private const int TileRows = 1601,
        SeenTiles = 2,
        AllTiles = 4;

    public static int Run(string[] arguments)
    {
        int rows = GraphTable.Number(arguments, 1, 64),
            tokens = GraphTable.Number(arguments, 2, 16),
            rounds = GraphTable.Number(arguments, 3, 5);
        LanguageShape seeing = LanguageShape.MllamaFirst5,
            plain = seeing with { Crossed = [] };
        string seeingPath = Write(arguments[0], "mllama-5", seeing),
            plainPath = Write(arguments[0], "llama-5", plain);
        using GgufFile file = GgufFile.Open(seeingPath);
        using GraphLanguageModel graphModel = GraphLanguageModel.Load(file, 0, null, default);
        using ILanguage graph = graphModel.Open(2048, 1, 0, CacheType.F16);
        using LanguageModel llamaModel = LanguageModel.Load(plainPath, 0, null, default);
        using ILanguage llama = llamaModel.Open(2048, 1, 0, CacheType.F16);
        var values = new float[AllTiles * TileRows * seeing.Width];
        var random = new Random(1);
        foreach (ref float value in values.AsSpan())
            value = random.NextSingle() - 0.5f;
        List<(double Prefill, double Decode)> ours = [],
            theirs = [];
        List<double> fills = [];
        for (int round = 0; round <= rounds; round++)
        {
            // Another picture each time, so that its keys and values are made each time.
            var memory = new MediaMemory((ulong)round, values, SeenTiles * TileRows);
            var view = new MemoryView([memory], [memory]);
            double first = GraphTable.Measure(graph, 1, 0, view).Prefill,
                second = GraphTable.Measure(graph, 1, 0, view).Prefill;
            (double, double) own = GraphTable.Measure(graph, rows, tokens, view),
                other = GraphTable.Measure(llama, rows, tokens);
            if (round == 0)
                continue;
            fills.Add(first - second);
            ours.Add(own);
            theirs.Add(other);
        }

        Print(seeing, (rows, tokens, rounds), ours, theirs, GraphTable.Median(fills));
        return 0;
    }

    private static void Print(
        LanguageShape shape,
        (int Rows, int Tokens, int Rounds) run,
        List<(double Prefill, double Decode)> ours,
        List<(double Prefill, double Decode)> theirs,
        double fill
    )
    {
        long keys = shape.Width / shape.Heads * shape.KeyHeads,
            block = 2L * shape.Width * shape.Width + 2 * shape.Width * keys + 3L * shape.Width * shape.FeedForward,
            head = (long)shape.Width * shape.VocabularySize,
            looking = 2L * shape.Width * SeenTiles * TileRows,
            made = 2L * shape.Width * keys * AllTiles * TileRows;
        double prefill = GraphTable.Median(theirs.Select(static time => time.Prefill)),
            decode = GraphTable.Median(theirs.Select(static time => time.Decode)),
            plainPrefill = (double)run.Rows * shape.Blocks * block + head,
            plainDecode = (double)shape.Blocks * block + head;
        string Line(string name, double first, double token) =>
            string.Create(CultureInfo.InvariantCulture, $"| {name} | {first:0} | {token:0.00} |");
        Console.WriteLine($"{run.Rows} rows, {run.Tokens} tokens, medians of {run.Rounds} in turn; ms");
        Console.WriteLine("| | first token | decode, a token |\n|---|---|---|");
        Console.WriteLine(
            Line(
                "graphs, a new picture",
                GraphTable.Median(ours.Select(static time => time.Prefill)) + fill,
                GraphTable.Median(ours.Select(static time => time.Decode))
            )
        );
        Console.WriteLine(Line("libllama, plain", prefill, decode));
        Console.WriteLine(
            Line(
                "the same and the looking's multiplications",
                prefill * (1 + (made + looking * run.Rows) / plainPrefill),
                decode * (1 + looking / plainDecode)
            )
        );
        Console.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"of the first token, {fill:0} ms make keys and values of the picture")
        );
    }

    private static string Write(string folder, string name, LanguageShape shape)
    {
        string path = Path.Combine(folder, $"{name}-Q8_0.gguf");
        if (!File.Exists(path))
            SyntheticModels.WriteLanguage(shape, path);
        return path;
    }
}
