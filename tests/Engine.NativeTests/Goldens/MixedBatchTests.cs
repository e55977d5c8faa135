using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Text;
using Tessera.Text.Llama;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Text and pictures go through the language model in one decode, for every architecture that allows it.</summary>
public sealed class MixedBatchTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("llava-1.5", true)]
    [InlineData("llava-onevision", true)]
    [InlineData("internvl-2-4b", true)]
    [InlineData("internvl-1.5", true)]
    [InlineData("internvl-llama3", true)]
    [InlineData("minicpm-v-4.5", true)]
    [InlineData("minicpm-v-4.6", true)]
    [InlineData("minicpm-v-2.0", false)]
    public void One_decode_leads_to_the_references_logits(string name, bool isAllowed)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using LanguageModel language = LanguageModel.Load(golden.LanguageModel, 0, null, default);
        using GgufFile file = GgufFile.Open(golden.LanguageModel);
        var embeddings = TokenEmbeddings.Find(file, language.EmbeddingWidth, static () => { });
        Assert.Equal(isAllowed, embeddings is not null);
        if (embeddings is null)
            return;

        using var context = new LlamaLanguage(language, 2048, 2, Environment.ProcessorCount);
        foreach (GoldenRun run in golden.Runs)
        {
            PromptRows prompt = FidelityTests.Rows(golden, run, language.EmbeddingWidth);
            float[] logits = Logits(context, prompt, language.EmbeddingWidth, embeddings.LookUp, out int decodes);
            // libllama's attention rounds in other places for other batches, so the reference is the judge.
            (double cosine, _) = Similarity.PerRow(logits, run.Logits.Values, logits.Length);
            output.WriteLine($"{name} {run.Name}: one decode, cosine {cosine:0.0000000} to the reference");
            Assert.Equal(1, decodes);
            Assert.True(cosine >= 0.9999, $"{run.Name}: cosine {cosine}.");
        }
    }

    [Theory]
    [InlineData("llava-1.5")]
    [InlineData("llava-onevision")]
    [InlineData("internvl-2-4b")]
    [InlineData("internvl-1.5")]
    [InlineData("minicpm-v-4.5")]
    [InlineData("minicpm-v-4.6")]
    public void A_looked_up_token_is_the_models_own(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using LanguageModel language = LanguageModel.Load(golden.LanguageModel, 0, null, default);
        using GgufFile file = GgufFile.Open(golden.LanguageModel);
        TokenEmbeddings embeddings = TokenEmbeddings.Find(file, language.EmbeddingWidth, static () => { })!;
        using var context = new LlamaLanguage(language, 2048, 2, Environment.ProcessorCount);
        int width = language.EmbeddingWidth;
        PromptRows tokens = new(width),
            rows = new(width);
        int[] ids = language.Vocabulary.Tokenize("The quick brown fox jumps over the lazy dog, 12345 times.");
        tokens.AddTokens(ids);
        foreach (int id in ids)
        {
            var row = new float[width];
            embeddings.LookUp(id, row);
            rows.AddEmbeddings((ulong)rows.Count << 32, 0, row);
        }

        Assert.Equal(Logits(context, tokens, width, null, out _), Logits(context, rows, width, null, out _));
    }

    private static float[] Logits(LlamaLanguage context, PromptRows prompt, int width, TokenLookup? lookup, out int decodes)
    {
        context.Cut(0, 0);
        var batch = new ContextBatch(context.BatchSize, width, lookup);
        int count = 0,
            row = 0;
        for (int position = 0; position < prompt.Count; position++)
        {
            bool isToken = PromptRows.IsToken(prompt.Keys[position]),
                isLast = position == prompt.Count - 1;
            if (!batch.Takes(isToken))
                Decode();
            row = isToken
                ? batch.AddToken((int)prompt.Keys[position], 0, position, isLast)
                : batch.AddEmbedding(prompt.Embedding(position), 0, position, isLast, prompt.IsReadAsText(position));
        }

        Decode();
        decodes = count;
        return context.Logits(row).ToArray();

        void Decode()
        {
            Assert.Equal(DecodeOutcome.Done, context.Decode(batch));
            batch.Clear();
            count++;
        }
    }
}
