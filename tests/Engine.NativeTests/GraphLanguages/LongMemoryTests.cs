using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;
using Tessera.Text;
using Tessera.Text.Graph;

namespace Tessera.Engine.NativeTests.GraphLanguages;

/// <summary>A memory of more rows than are worked on at once: attention does not ask for their order, so rows in reverse give the
/// same.</summary>
public sealed class LongMemoryTests : IDisposable
{
    // Fewer than fill a tile of attention.
    private const int Rows = 20;
    private readonly GgufFile file = GgufFile.Open(GoldenCase.Find("llama-3.2-vision").LanguageModel);

    public void Dispose() => file.Dispose();

    [Theory]
    [InlineData(300, 300)]
    [InlineData(1300, 1300)]
    [InlineData(1300, 700)]
    public void Rows_in_any_order_are_seen_alike(int rowCount, int seenCount)
    {
        using GraphLanguageModel model = GraphLanguageModel.Load(file, 0, null, default);
        using ILanguage language = model.Open(256, 1, 0, CacheType.F16);
        int width = model.Memory!.Width;
        var random = new Random(3);
        float[] values = [.. Enumerable.Range(0, rowCount * width).Select(_ => 4 * (random.NextSingle() - 0.5f))];
        float[] reversed =
        [
            .. values.Chunk(width).Take(seenCount).Reverse().Concat(values.Chunk(width).Skip(seenCount).Reverse()).SelectMany(row => row),
        ];
        float[] expected = Logits(model, language, new MediaMemory(1, values, seenCount)),
            given = Logits(model, language, new MediaMemory(2, reversed, seenCount)),
            others = Logits(model, language, new MediaMemory(3, values.AsMemory(0, width), 1));
        Assert.True(Similarity.PerRow(given, expected, expected.Length).Worst >= 0.99999);
        Assert.True(Similarity.PerRow(others, expected, expected.Length).Worst < 0.999);
    }

    // What all rows are is what is mixed of them, however many there are; summed in half precision it would not be.
    [Theory]
    [InlineData("llama-3.2-vision")]
    [InlineData("blip-caption")]
    public void Thousands_of_rows_are_summed_exactly(string golden)
    {
        using GgufFile file = GgufFile.Open(GoldenCase.Find(golden).LanguageModel);
        using GraphLanguageModel model = GraphLanguageModel.Load(file, 0, null, default);
        using ILanguage language = model.Open(64, 1, 0, CacheType.F16);
        var random = new Random(4);
        float[] row = [.. Enumerable.Range(0, model.Memory!.Width).Select(_ => 100 * (random.NextSingle() - 0.5f))];
        float[] many = [.. Enumerable.Repeat(row, 3000).SelectMany(static values => values)];
        float[] expected = Logits(model, language, new MediaMemory(1, row, 1)),
            given = Logits(model, language, new MediaMemory(2, many, 3000));
        double cosine = Similarity.PerRow(given, expected, expected.Length).Worst;
        Assert.True(cosine >= 0.99999, $"cosine {cosine}");
    }

    // Those of tokens that it says; the picture's own has none.
    private static float[] Logits(GraphLanguageModel model, ILanguage language, MediaMemory memory)
    {
        language.Cut(0, 0);
        var batch = new ContextBatch(language.BatchSize, language.RowWidth, null);
        MemoryView before = new([], [memory]),
            behind = new([memory], [memory]);
        for (int position = 0; position < Rows; position++)
        {
            batch.See(position < 3 ? before : behind);
            batch.AddToken(5 + 3 * position, 0, position, position == Rows - 1);
        }

        Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
        return language.Logits(Rows - 1)[..model.Graph.LogitCount].ToArray();
    }
}
