using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Prompting;
using Tessera.Text;
using Tessera.Text.Llama;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Every stage against the reference, for every golden case: the limits that the README promises.</summary>
public sealed class FidelityTests(ITestOutputHelper output)
{
    private const double MeanCosine = 0.99999;
    private const double WorstCosine = 0.9999;

    public static TheoryData<string> Cases => [.. GoldenCase.All().Select(static golden => golden.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pixels_equal_the_references(string name)
    {
        foreach (
            (Preprocessing preprocessing, string key) in ((Preprocessing, string)[])
                [(Preprocessing.Original, "original"), (Preprocessing.Transformers, "transformers")]
        )
        {
            using VisionModel vision = VisionModel.Open(GoldenCase.Find(name).Projector, preprocessing);
            foreach (GoldenPicture picture in GoldenCase.Find(name).Pictures.Where(picture => picture.HasPixels(key)))
            {
                ImagePixels pixels = vision.PreparePixels(picture.Image, picture.Request);
                float[] actual = [.. Enumerable.Range(0, pixels.SliceCount).SelectMany(index => pixels.Planes(index).ToArray())];
                if (picture.Pixels(key) is NpyArray expected)
                {
                    Assert.Equal(expected.Values.Length, actual.Length);
                    float difference = actual.Zip(expected.Values, static (a, b) => Math.Abs(a - b)).Max();
                    output.WriteLine($"{name} {picture.Name} {key}: largest pixel difference {difference}");
                    Assert.True(difference == 0, $"{picture.Name} ({key}): pixels differ by {difference}.");
                }

                Assert.True(picture.PixelDigest(key) == NpyArray.Digest(actual), $"{picture.Name} ({key}): pixels differ.");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Features_and_embeddings_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        foreach (string projector in golden.OtherLayouts.Prepend(golden.Projector))
        {
            using VisionModel vision = VisionModel.Open(projector);
            vision.LoadWeights();
            foreach (GoldenPicture picture in golden.Pictures)
            {
                string what = $"{name} {Path.GetFileNameWithoutExtension(projector)} {picture.Name}";
                ImageEncoding encoding = vision.Encode(picture.Image, picture.Request);
                ImageFeatures features = vision.EncodeFeatures(picture.Image, picture.Request);
                float[] values = [.. Enumerable.Range(0, features.SliceCount).SelectMany(index => features.Of(index).ToArray())];
                Check($"{what} features", Similarity.PerRow(values, picture.Features.Values, features.Width));
                Check($"{what} embeddings", Similarity.PerRow(encoding.Embeddings.Span, picture.Embeddings.Values, encoding.Width));
                Assert.Equal(vision.Plan(vision.ReadSize(picture.Image), picture.Request).ImageTokenCount, encoding.TokenCount);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Quantized_projectors_stay_close(string name)
    {
        foreach ((string path, double limit) in GoldenCase.Find(name).QuantizedProjectors)
        {
            using VisionModel vision = VisionModel.Open(path);
            vision.LoadWeights();
            foreach (GoldenPicture picture in GoldenCase.Find(name).Pictures)
            {
                (double mean, double worst) = Similarity.PerRow(
                    vision.Encode(picture.Image, picture.Request).Embeddings.Span,
                    picture.Embeddings.Values,
                    vision.EmbeddingWidth
                );
                output.WriteLine($"{Path.GetFileName(path)} {picture.Name}: cosine {mean:0.000000} mean, {worst:0.000000} worst");
                Assert.True(mean >= limit, $"{picture.Name}: mean cosine {mean} is below {limit}.");
            }
        }
    }

    public static TheoryData<string, VisionType> FasterCases
    {
        get
        {
            var cases = new TheoryData<string, VisionType>();
            foreach (string name in GoldenCase.All().Select(static golden => golden.Name))
            {
                cases.Add(name, VisionType.Q8_0);
                cases.Add(name, VisionType.Auto);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(FasterCases))]
    public void A_tower_quantized_while_loading_or_rounded_stays_close(string name, VisionType type)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using VisionModel vision = VisionModel.Open(golden.Projector);
        vision.LoadWeights(type: type);
        var means = new List<double>();
        foreach (GoldenPicture picture in golden.Pictures)
            means.Add(
                Similarity
                    .PerRow(vision.Encode(picture.Image, picture.Request).Embeddings.Span, picture.Embeddings.Values, vision.EmbeddingWidth)
                    .Mean
            );
        output.WriteLine($"{name} as {type}: cosine {means.Min():0.000000} in the mean of the worst picture");
        Assert.True(means.Min() >= 0.999, $"{name} as {type}: mean cosine {means.Min()}.");
        // Rounding to bfloat16 loses less than eight bits do.
        Assert.True(means.Min() < (type == VisionType.Q8_0 ? 0.999999 : 0.9999999), $"{name} as {type}: nothing was quantized or rounded.");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Prompts_tokenize_like_the_reference(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using var loaded = new GoldenLanguage(golden);
        ILanguageModel language = loaded.Model;
        using VisionModel vision = VisionModel.Open(golden.Projector);
        foreach (GoldenRun run in golden.Runs)
        {
            PromptLayout layout = PromptTokenizer.Tokenize(
                PromptExpansion.Expand(PromptPiece.Raw(run.Prompt), Plans(golden, run, vision)),
                language.Vocabulary,
                new PromptEnds(vision.Projector.StartsBehindRows, vision.Projector.KeepsStartText, language.HasEncoder)
            );
            Assert.Equal(run.Spans.Select(static span => span.Ids), layout.Spans.Select(static span => (span as PromptSpan.Tokens)?.Ids));
            Assert.All(
                run.Spans.Zip(layout.Spans.Select(static span => span as PromptSpan.Embeddings)),
                static pair =>
                    Assert.True(
                        pair.First.Count is null
                            || pair.Second is { } rows && rows.Start == pair.First.Start && rows.Count == pair.First.Count,
                        $"{pair.Second} instead of {pair.First}"
                    )
            );
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Greedy_tokens_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = golden.LanguageModel, ProjectorPath = golden.Projector }
        );
        int equal = 0;
        foreach (GoldenRun run in golden.Runs)
        {
            var prompt = new Prompt(run.Prompt) { IsRaw = true, Images = [.. run.Pictures.Select(golden.Image)] };
            GenerationResult result = await model.AnswerAsync(
                prompt,
                new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length }
            );
            Assert.True(
                run.Tokens.SequenceEqual(result.TokenIds),
                $"{run.Name}: {string.Join(' ', result.TokenIds)} instead of {string.Join(' ', run.Tokens)}"
            );
            equal++;
        }

        output.WriteLine($"{name}: {equal} runs of 24 greedy tokens are identical");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Last_logits_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using GgufFile file = GgufFile.Open(golden.LanguageModel);
        using var loaded = new GoldenLanguage(golden);
        ILanguageModel language = loaded.Model;
        bool isPlaced = golden.Pictures.Any(static picture => picture.Places is not null);
        if (language is LanguageModel llama)
            llama.PlacesRowsFreely = isPlaced;
        TokenEmbeddings? embeddings = TokenEmbeddings.Find(file, language.EmbeddingWidth, static () => { });
        using ILanguage context = language.Open(2048, 1, Environment.ProcessorCount, CacheType.F16);
        foreach (GoldenRun run in golden.Runs)
        {
            PromptRows prompt = Rows(golden, run, language.EmbeddingWidth);
            int row = language.HasEncoder
                ? EncodeWhole(context, golden, prompt)
                : PrefillWhole(context, prompt, language.EmbeddingWidth, isPlaced ? embeddings!.LookUp : null);

            // One row, so the limit for a single row holds: libllama rounds activations to F16 before each product with F16 weights.
            (double cosine, _) = Similarity.PerRow(context.Logits(row), run.Logits.Values, run.Logits.Values.Length);
            output.WriteLine($"{name} {run.Name} logits: cosine {cosine:0.0000000}");
            Assert.True(cosine >= WorstCosine, $"{name} {run.Name} logits: cosine {cosine}.");
        }
    }

    private static IReadOnlyList<SlicePlan> Plans(GoldenCase golden, GoldenRun run, VisionModel vision) =>
        [
            .. run.Pictures.Select(
                (picture, index) =>
                    vision.Plan(golden.Image(picture), new PlanRequest { ImageCount = run.Pictures.Count, ImageIndex = index })
            ),
        ];

    internal static PromptRows Rows(GoldenCase golden, GoldenRun run, int width)
    {
        var rows = new PromptRows(width);
        foreach (GoldenSpan span in run.Spans)
        {
            if (span.Ids is not null)
                rows.AddTokens(span.Ids);
            else
            {
                GoldenPicture shown = golden.Pictures.Single(picture => picture.Name == span.Picture);
                rows.AddEmbeddings(
                    (ulong)rows.Count << 32,
                    0,
                    span.Rows(shown.Embeddings).ToArray(),
                    new SpanPositions(shown.Places, shown.TextTail)
                );
            }
        }

        return rows;
    }

    // Span by span: tokens as tokens, embeddings as embeddings. Returns the row of the last position.
    private static int PrefillWhole(ILanguage context, PromptRows prompt, int width, TokenLookup? lookup)
    {
        context.Cut(0, 0);
        var batch = new ContextBatch(context.BatchSize, width, lookup);
        int row = 0;
        for (int index = 0; index < prompt.Count; index++)
        {
            bool isToken = PromptRows.IsToken(prompt.Keys[index]),
                isLast = index == prompt.Count - 1;
            int position = prompt.PositionOf(index);
            if (!batch.Takes(isToken))
                Flush();
            row = isToken
                ? batch.AddToken((int)prompt.Keys[index], 0, position, isLast)
                : batch.AddEmbedding(prompt.Embedding(index), 0, position, isLast, prompt.IsReadAsText(index));
        }

        Flush();
        return row;

        void Flush()
        {
            Assert.Equal(DecodeOutcome.Done, context.Decode(batch));
            batch.Clear();
        }
    }

    // All of it at once, then the token that every answer begins with.
    private static int EncodeWhole(ILanguage context, GoldenCase golden, PromptRows prompt)
    {
        using GgufFile file = GgufFile.Open(golden.LanguageModel);
        TokenEmbeddings embeddings = TokenEmbeddings.Find(file, prompt.Width, static () => { })!;
        context.Cut(0, 0);
        var batch = new ContextBatch(context.BatchSize, prompt.Width, embeddings.LookUp);
        for (int position = 0; position < prompt.Count; position++)
        {
            if (PromptRows.IsToken(prompt.Keys[position]))
                batch.AddToken((int)prompt.Keys[position], 0, position, wantsLogits: true);
            else
                batch.AddEmbedding(prompt.Embedding(position), 0, position, wantsLogits: true, prompt.IsReadAsText(position));
        }

        Assert.Equal(DecodeOutcome.Done, context.Encode(batch));
        batch.Clear();
        int row = batch.AddToken(context.AnswerStart, 0, 0, wantsLogits: true);
        Assert.Equal(DecodeOutcome.Done, context.Decode(batch));
        return row;
    }

    private void Check(string what, (double Mean, double Worst) cosine)
    {
        output.WriteLine($"{what}: cosine {cosine.Mean:0.0000000} mean, {cosine.Worst:0.0000000} worst");
        Assert.True(cosine.Mean >= MeanCosine && cosine.Worst >= WorstCosine, $"{what}: cosine {cosine.Mean} mean, {cosine.Worst} worst.");
    }
}
