using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;
using Tessera.Text;
using Tessera.Text.Graph;
using Tessera.Text.Llama;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.GraphLanguages;

/// <summary>A language model as graphs built here against libllama, on a plain llama's file.</summary>
public sealed class GraphLanguageTests(ITestOutputHelper output) : IDisposable
{
    private const int Steps = 24;
    private static readonly string Tiny = RepositoryRoot.Path("models", "tiny", "tessera-tiny-Q8_0.gguf");
    private readonly List<IDisposable> open = [];

    public static TheoryData<string> Files =>
        [Tiny, GoldenCase.Find("llava-1.5").LanguageModel, GoldenCase.Find("internvl-llama3").LanguageModel];

    [Theory]
    [MemberData(nameof(Files))]
    public void Logits_and_greedy_tokens_are_libllama_s(string path)
    {
        int[] prompt = Prompt(path, 40);
        (int[] expected, float[] logits) = Greedy(OpenLlama(path), prompt);
        (int[] tokens, float[] own) = Greedy(OpenGraph(path), prompt);
        double cosine = Similarity.PerRow(own, logits, logits.Length).Worst;
        output.WriteLine($"{Path.GetFileName(path)}: logits' cosine {cosine:0.00000000}");
        Assert.True(cosine >= 0.99999, $"cosine {cosine}");
        Assert.Equal(expected, tokens);
    }

    [Fact]
    public void Prefill_in_parts_is_that_of_the_whole()
    {
        int[] prompt = Prompt(Tiny, 600);
        (int[] whole, float[] logits) = Greedy(OpenGraph(Tiny), prompt);
        (int[] parts, float[] own) = Greedy(OpenGraph(Tiny), prompt, stretch: 7);
        Assert.Equal(whole, parts);
        Assert.True(Similarity.PerRow(own, logits, logits.Length).Worst >= 0.99999);
    }

    [Theory]
    [InlineData(CacheType.F16)]
    [InlineData(CacheType.Q8_0)]
    public void Sequences_share_cut_save_and_restore(CacheType type)
    {
        ILanguage language = OpenGraph(Tiny, type);
        int[] prompt = Prompt(Tiny, 50);
        (int[] expected, _) = Greedy(language, prompt);
        language.Cut(0, 30);
        Assert.Equal(30, language.EndOf(0));
        language.Share(0, 1, 20);
        language.Cut(0, 0);
        Assert.Equal(20, language.EndOf(1));
        Assert.Equal(expected, Greedy(language, prompt, sequence: 1, first: 20).Tokens);

        byte[] state = language.Save(1);
        int length = language.EndOf(1);
        Assert.Equal(state.Length, language.StateLength(1));
        Assert.Equal(state.Length, language.LongestState(2, length));
        Assert.True(language.Restore(2, state, length));
        language.Cut(1, 0);
        language.Cut(2, 40);
        Assert.Equal(expected, Greedy(language, prompt, sequence: 2, first: 40).Tokens);

        Assert.False(language.Restore(3, state.AsSpan(0, state.Length - 1), length));
        Assert.False(language.Restore(3, state, length - 1));
        state.AsSpan(16).Fill(0xFF);
        Assert.False(language.Restore(3, state, length));
        Assert.Equal(0, language.EndOf(3));
    }

    [Fact]
    public void Sequences_side_by_side_do_not_see_each_other()
    {
        ILanguage language = OpenGraph(Tiny);
        int[] prompt = Prompt(Tiny, 30);
        (int[] expected, _) = Greedy(language, prompt);
        language.Cut(0, 0);
        int[] other = [.. prompt.Reverse()];
        var batch = new ContextBatch(language.BatchSize, language.RowWidth, null);
        var rows = new int[2];
        for (int position = 0; position < prompt.Length; position++)
        {
            rows[0] = batch.AddToken(prompt[position], 0, position, position == prompt.Length - 1);
            rows[1] = batch.AddToken(other[position], 1, position, position == prompt.Length - 1);
        }

        for (int step = 0; step < Steps; step++)
        {
            Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
            int[] next = [Best(language.Logits(rows[0])), Best(language.Logits(rows[1]))];
            Assert.Equal(expected[step], next[0]);
            batch.Clear();
            rows = [.. next.Select((token, sequence) => batch.AddToken(token, sequence, prompt.Length + step, true))];
        }
    }

    [Fact]
    public void A_stop_ends_a_step_and_what_is_too_long_finds_no_room()
    {
        ILanguage language = OpenGraph(Tiny);
        var batch = new ContextBatch(language.BatchSize, language.RowWidth, null);
        batch.AddToken(1, 0, 0, true);
        language.RequestStop();
        Assert.Equal(DecodeOutcome.Stopped, language.Decode(batch));
        language.ForgetStop();
        language.Cut(0, 0);
        Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
        language.Cut(0, 0);

        int done = 0;
        DecodeOutcome outcome;
        do
        {
            batch.Clear();
            for (int row = 0; row < 256; row++)
                batch.AddToken(1, 0, done + row, row == 0);
            outcome = language.Decode(batch);
            done += 256;
        } while (outcome == DecodeOutcome.Done);
        Assert.Equal(DecodeOutcome.NoRoom, outcome);
        Assert.Contains(Tiny, language.FailureOf(outcome, 256).Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        foreach (IDisposable item in Enumerable.Reverse(open))
            item.Dispose();
    }

    private LlamaLanguage OpenLlama(string path)
    {
        LanguageModel model = LanguageModel.Load(path, 0, null, default);
        open.Add(model);
        var language = new LlamaLanguage(model, 1024, 4, 0);
        open.Add(language);
        return language;
    }

    private ILanguage OpenGraph(string path, CacheType type = CacheType.F16)
    {
        GgufFile file = GgufFile.Open(path);
        open.Add(file);
        GraphLanguageModel model = GraphLanguageModel.Load(file, 0, null, default);
        open.Add(model);
        ILanguage language = model.Open(1024, 4, 0, type);
        open.Add(language);
        return language;
    }

    private static int[] Prompt(string path, int length)
    {
        using GgufFile file = GgufFile.Open(path);
        file.TryGetTensor("token_embd.weight", out GgufTensor? table);
        var random = new Random(5);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(3, (int)table!.Shape[1]))];
    }

    private static (int[] Tokens, float[] Logits) Greedy(
        ILanguage language,
        int[] prompt,
        int stretch = int.MaxValue,
        int sequence = 0,
        int first = 0
    )
    {
        var batch = new ContextBatch(language.BatchSize, language.RowWidth, null);
        int row = -1;
        for (int position = first; position < prompt.Length; position++)
        {
            if (batch.Count >= Math.Min(stretch, language.BatchSize))
            {
                Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
                batch.Clear();
            }

            row = batch.AddToken(prompt[position], sequence, position, position == prompt.Length - 1);
        }

        Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
        float[] logits = language.Logits(row).ToArray();
        var tokens = new int[Steps];
        for (int step = 0; step < Steps; step++)
        {
            tokens[step] = Best(language.Logits(row));
            batch.Clear();
            row = batch.AddToken(tokens[step], sequence, prompt.Length + step, true);
            Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
        }

        return (tokens, logits);
    }

    private static int Best(ReadOnlySpan<float> logits) => logits.IndexOf(logits.ToArray().Max());
}
