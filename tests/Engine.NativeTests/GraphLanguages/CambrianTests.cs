using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;
using Tessera.Prompting;
using Tessera.Text;
using Tessera.Text.Graph;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.GraphLanguages;

/// <summary>Cambrian-1, every stage against the authors' code: the limits that the README promises.</summary>
public sealed class CambrianTests(ITestOutputHelper output)
{
    private const double MeanCosine = 0.99999;
    private const double WorstCosine = 0.9999;
    private const int TowerWidth = 32;
    private static readonly GoldenCase Golden = GoldenCase.Find("cambrian-8b");

    [Fact]
    public void Pixels_equal_the_references()
    {
        using VisionModel vision = VisionModel.Open(Golden.Projector);
        foreach (GoldenPicture picture in Golden.Pictures)
        {
            ImagePixels pixels = vision.PreparePixels(picture.Image, picture.Request);
            float[] actual = [.. Enumerable.Range(0, pixels.SliceCount).SelectMany(index => pixels.Planes(index).ToArray())];
            Assert.True(picture.PixelDigest("original") == NpyArray.Digest(actual), $"{picture.Name}: pixels differ.");
        }
    }

    [Fact]
    public void Features_embeddings_and_what_stands_beside_them_are_the_references()
    {
        using VisionModel vision = VisionModel.Open(Golden.Projector);
        vision.LoadWeights();
        foreach (GoldenPicture picture in Golden.Pictures)
        {
            ImageFeatures features = vision.EncodeFeatures(picture.Image, picture.Request);
            int first = 0;
            for (int tower = 0; tower < features.SliceCount; tower++)
            {
                ReadOnlyMemory<float> own = features.Of(tower);
                Check($"{picture.Name} tower {tower}", own.Span, picture.Features.Values.AsSpan(first, own.Length), features.Width);
                first += own.Length;
            }

            ImageEncoding encoding = vision.Encode(picture.Image, picture.Request);
            Assert.Equal(vision.Plan(picture.Image, picture.Request).ImageTokenCount, encoding.TokenCount);
            Assert.Equal(vision.EmbeddingWidth, encoding.Width);
            Check($"{picture.Name} embeddings", encoding.Embeddings.Span, picture.Embeddings.Values, encoding.Width);
            CheckBeside(picture, encoding);
        }
    }

    [Fact]
    public void Prompts_tokenize_like_the_reference()
    {
        using GgufFile file = GgufFile.Open(Golden.LanguageModel);
        using GraphLanguageModel language = GraphLanguageModel.Load(file, 0, null, default);
        using VisionModel vision = VisionModel.Open(Golden.Projector);
        foreach (GoldenRun run in Golden.Runs)
        {
            SlicePlan[] plans = [.. run.Pictures.Select(picture => vision.Plan(Golden.Image(picture)))];
            PromptLayout layout = PromptTokenizer.Tokenize(PromptExpansion.Expand(PromptPiece.Raw(run.Prompt), plans), language.Vocabulary);
            Assert.Equal(run.Spans.Select(static span => span.Ids), layout.Spans.Select(static span => (span as PromptSpan.Tokens)?.Ids));
        }
    }

    [Fact]
    public void Last_logits_are_the_references()
    {
        using GgufFile file = GgufFile.Open(Golden.LanguageModel);
        using GraphLanguageModel model = GraphLanguageModel.Load(file, 0, null, default);
        using ILanguage language = model.Open(1024, 1, 0, CacheType.F16);
        foreach (GoldenRun run in Golden.Runs)
        {
            int last = Decode(language, Rows(run, model));
            double cosine = Similarity.PerRow(language.Logits(last), run.Logits.Values, run.Logits.Values.Length).Worst;
            output.WriteLine($"{run.Name} logits: cosine {cosine:0.0000000}");
            Assert.True(cosine >= WorstCosine, $"{run.Name} logits: cosine {cosine}.");
        }
    }

    [Fact]
    public void What_stands_beside_a_picture_reaches_the_answer()
    {
        using GgufFile file = GgufFile.Open(Golden.LanguageModel);
        using GraphLanguageModel model = GraphLanguageModel.Load(file, 0, null, default);
        using ILanguage language = model.Open(1024, 1, 0, CacheType.F16);
        GoldenRun run = Golden.Runs.First();
        int last = Decode(language, Rows(run, model, static beside => Array.Clear(beside)));
        Assert.True(Similarity.PerRow(language.Logits(last), run.Logits.Values, run.Logits.Values.Length).Worst < WorstCosine);
    }

    [Fact]
    public async Task Greedy_tokens_are_the_references()
    {
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = Golden.LanguageModel, ProjectorPath = Golden.Projector }
        );
        foreach (GoldenRun run in Golden.Runs)
        {
            var prompt = new Prompt(run.Prompt) { IsRaw = true, Images = [.. run.Pictures.Select(Golden.Image)] };
            GenerationResult result = await model.AnswerAsync(
                prompt,
                new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length }
            );
            Assert.Equal((run.Name, string.Join(' ', run.Tokens)), (run.Name, string.Join(' ', result.TokenIds)));
        }
    }

    [Fact]
    public async Task Prompts_are_worded_as_the_authors_word_them()
    {
        const string End = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>";
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = Golden.LanguageModel, ProjectorPath = Golden.Projector }
        );
        foreach (GoldenRun run in Golden.Runs.Where(static run => run.Name.EndsWith(".llama3", StringComparison.Ordinal)))
        {
            string question = run.Prompt.Split(MediaMarker.Text)[1][..^End.Length].TrimStart('\n');
            var prompt = new Prompt(question) { Images = [.. run.Pictures.Select(Golden.Image)] };
            GenerationResult result = await model.AnswerAsync(
                prompt,
                new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length }
            );
            Assert.Equal((run.Name, string.Join(' ', run.Tokens)), (run.Name, string.Join(' ', result.TokenIds)));
        }
    }

    [Fact]
    public async Task A_second_question_decodes_what_is_new_only()
    {
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = Golden.LanguageModel, ProjectorPath = Golden.Projector }
        );
        PromptImage image = Golden.Image("wide");
        using ChatSession chat = model.StartChat();
        var options = new GenerationOptions { Temperature = 0, MaxTokens = 4 };
        GenerationResult first = await chat.SendAsync(new UserMessage("What is it?") { Images = [image] }, options);
        GenerationResult second = await chat.SendAsync(new UserMessage("And then?"), options);
        Assert.Equal(1, second.CachedImageCount);
        Assert.True(second.ReusedTokenCount >= first.PromptTokenCount, $"{second.ReusedTokenCount} of {second.PromptTokenCount}");
    }

    [Theory]
    [InlineData("llava-1.5", "cambrian-8b")]
    [InlineData("cambrian-8b", "llava-1.5")]
    public async Task Halves_of_different_kinds_are_refused(string language, string projector)
    {
        var options = new ModelOptions
        {
            ModelPath = GoldenCase.Find(language).LanguageModel,
            ProjectorPath = GoldenCase.Find(projector).Projector,
        };
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() => MultimodalModel.LoadAsync(options));
        Assert.Contains("do not belong together", failure.Message, StringComparison.Ordinal);
    }

    private static PromptRows Rows(GoldenRun run, GraphLanguageModel model, Action<float[]>? change = null)
    {
        var rows = new PromptRows(model.RowWidth);
        foreach (GoldenSpan span in run.Spans)
        {
            if (span.Ids is not null)
            {
                rows.AddTokens(span.Ids);
                continue;
            }

            GoldenPicture picture = Golden.Pictures.Single(entry => entry.Name == span.Picture);
            float[] embeddings = picture.Embeddings.Values,
                beside = picture.Beside.Values;
            change?.Invoke(beside);
            int count = embeddings.Length / model.EmbeddingWidth;
            var joined = new float[count * model.RowWidth];
            for (int row = 0; row < count; row++)
            {
                embeddings.AsSpan(row * model.EmbeddingWidth, model.EmbeddingWidth).CopyTo(joined.AsSpan(row * model.RowWidth));
                beside
                    .AsSpan(row * model.BesideWidth, model.BesideWidth)
                    .CopyTo(joined.AsSpan(row * model.RowWidth + model.EmbeddingWidth));
            }

            rows.AddEmbeddings((ulong)rows.Count << 32, 0, joined);
        }

        return rows;
    }

    private static int Decode(ILanguage language, PromptRows rows)
    {
        language.Cut(0, 0);
        var batch = new ContextBatch(language.BatchSize, language.RowWidth, null);
        int last = 0;
        for (int row = 0; row < rows.Count; row++)
        {
            if (!batch.Takes(rows.IsTokenAt(row)))
                Flush();
            bool isLast = row == rows.Count - 1;
            last = rows.IsTokenAt(row)
                ? batch.AddToken(rows.TokenAt(row), 0, row, isLast)
                : batch.AddEmbedding(rows.Embedding(row), 0, row, isLast, rows.IsReadAsText(row));
        }

        Flush();
        return last;

        void Flush()
        {
            Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
            batch.Clear();
        }
    }

    // Newlines have nothing beside them; what hides padding and what marks a row are the same numbers.
    private void CheckBeside(GoldenPicture picture, ImageEncoding encoding)
    {
        float[] expected = picture.Beside.Values;
        int width = encoding.MemoryWidth,
            cells = width / (TowerWidth + 1) - 1;
        for (int row = 0; row < encoding.TokenCount; row++)
        {
            ReadOnlySpan<float> own = encoding.Memory.Span.Slice(row * width, width),
                reference = expected.AsSpan(row * width, width);
            Assert.True(own[^(cells + 1)..].SequenceEqual(reference[^(cells + 1)..]), $"{picture.Name} row {row}");
            if (reference[^1] == 0)
                Assert.False(own.ContainsAnyExcept(0f));
            else
                Check($"{picture.Name} row {row}", own[..^(cells + 1)], reference[..^(cells + 1)], width - cells - 1);
        }
    }

    private void Check(string what, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, int width)
    {
        (double mean, double worst) = Similarity.PerRow(actual, expected, width);
        output.WriteLine($"{what}: cosine {mean:0.0000000} mean, {worst:0.0000000} worst");
        Assert.True(mean >= MeanCosine && worst >= WorstCosine, $"{what}: cosine {mean} mean, {worst} worst.");
    }
}
