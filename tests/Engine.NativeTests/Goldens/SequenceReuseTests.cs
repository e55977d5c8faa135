using System.Threading.Channels;
using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Text;
using Tessera.Text.Llama;
using Tessera.Text.Sampling;
using Tessera.Text.Scheduling;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>
/// What is reused of the KV cache, and what is decoded together, changes no token: for a language model whose state can be cut, for one
/// that keeps part of it in a recurrent state and whose positions have several axes, and for those whose rows share positions, in
/// libllama and as graphs. The goldens' tokens lead clearly, so rounding cannot hide behind them.
/// </summary>
public sealed class SequenceReuseTests
{
    [Theory]
    [InlineData("minicpm-v-2.6", true)]
    [InlineData("minicpm-v-4.6", false)]
    [InlineData("glm-4v", true)]
    [InlineData("cogvlm2", true)]
    public async Task A_continued_prompt_is_not_prefilled_again(string name, bool canCut)
    {
        const int First = 10;
        using var setup = new Setup(name, sequenceCount: 1);
        foreach (
            GoldenRun run in setup.Golden.Runs.Where(static run =>
                run.Name.EndsWith(".raw", StringComparison.Ordinal) && run.Pictures.Count == 1
            )
        )
        {
            object owner = new();
            AnswerEnd start = await AnswerAsync(setup.Start(setup.Rows(run), First, owner));
            Assert.Equal(run.Tokens[..First], start.TokenIds);
            PromptRows continued = setup.Rows(run);
            continued.AddTokens(run.Tokens.AsSpan(0, First));
            AnswerEnd rest = await AnswerAsync(setup.Start(continued, run.Tokens.Length - First, owner));
            Assert.Equal(run.Tokens[First..], rest.TokenIds);
            // All but the token that was chosen last is there.
            Assert.Equal(continued.Count - 1, rest.ReusedCount);
            AnswerEnd again = await AnswerAsync(setup.Start(setup.Rows(run), run.Tokens.Length, owner));
            Assert.Equal(run.Tokens, again.TokenIds);
            Assert.Equal(canCut ? setup.Rows(run).Count - 1 : 0, again.ReusedCount);
        }
    }

    [Theory]
    [InlineData("minicpm-v-2.6")]
    [InlineData("minicpm-v-4.6")]
    [InlineData("glm-4v")]
    [InlineData("cogvlm2")]
    public async Task Answers_decoded_together_are_the_references(string name)
    {
        using var setup = new Setup(name, sequenceCount: 4);
        GoldenRun[] runs = [.. setup.Golden.Runs];
        ChannelReader<AnswerPiece>[] answers = [.. runs.Select(run => setup.Start(setup.Rows(run), run.Tokens.Length, new object()))];
        for (int index = 0; index < runs.Length; index++)
            Assert.Equal(
                (runs[index].Name, string.Join(' ', runs[index].Tokens)),
                (runs[index].Name, string.Join(' ', (await AnswerAsync(answers[index])).TokenIds))
            );
    }

    private static async Task<AnswerEnd> AnswerAsync(ChannelReader<AnswerPiece> pieces)
    {
        using var limit = new CancellationTokenSource(Patience.Limit);
        AnswerEnd? end = null;
        await foreach (AnswerPiece piece in pieces.ReadAllAsync(limit.Token))
            end = piece.End ?? end;
        return end!;
    }

    private sealed class Setup : IDisposable
    {
        private readonly GoldenLanguage loaded;
        private readonly GgufFile file;
        private readonly AnswerScheduler scheduler;

        public Setup(string name, int sequenceCount)
        {
            Golden = GoldenCase.Find(name);
            loaded = new GoldenLanguage(Golden);
            if (loaded.Model is LanguageModel llama)
                llama.PlacesRowsFreely = Golden.Pictures.Any(static picture => picture.Places is not null);
            file = GgufFile.Open(Golden.LanguageModel);
            TokenEmbeddings embeddings = TokenEmbeddings.Find(file, loaded.Model.EmbeddingWidth, static () => { })!;
            var limits = new SchedulerLimits(1024, 1024 * sequenceCount, sequenceCount, 64, ThreadCount: 0);
            scheduler = new AnswerScheduler(
                loaded.Model.Open(limits.CacheLength, limits.SequenceCount, limits.ThreadCount, CacheType.F16),
                limits,
                embeddings.LookUp
            );
        }

        public GoldenCase Golden { get; }

        public ChannelReader<AnswerPiece> Start(PromptRows rows, int tokens, object owner) =>
            scheduler.Start(new AnswerRequest(rows, new SamplerSettings(0, 0, 1, 0, 1, 0, 0, 0, 0), [], tokens, owner), default);

        // A picture's embeddings have keys of their own, wherever in a prompt they stand.
        public PromptRows Rows(GoldenRun run)
        {
            string[] pictures = [.. Golden.Pictures.Select(static picture => picture.Name)];
            var rows = new PromptRows(loaded.Model.EmbeddingWidth);
            foreach (GoldenSpan span in run.Spans)
            {
                if (span.Ids is not null)
                    rows.AddTokens(span.Ids);
                else
                {
                    GoldenPicture shown = Golden.Pictures.Single(picture => picture.Name == span.Picture);
                    rows.AddEmbeddings(
                        (ulong)Array.IndexOf(pictures, span.Picture) << 32,
                        span.Start,
                        span.Rows(shown.Embeddings).ToArray(),
                        new SpanPositions(shown.Places, shown.TextTail)
                    );
                }
            }

            return rows;
        }

        public void Dispose()
        {
            scheduler.Dispose();
            file.Dispose();
            loaded.Dispose();
        }
    }
}
