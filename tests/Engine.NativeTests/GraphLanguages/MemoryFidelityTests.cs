using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;
using Tessera.Prompting;
using Tessera.Text;
using Tessera.Text.Graph;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.GraphLanguages;

/// <summary>Families whose language models look at pictures, every stage against the reference: the limits that the README
/// promises.</summary>
public sealed class MemoryFidelityTests(ITestOutputHelper output)
{
    private const double MeanCosine = 0.99999;
    private const double WorstCosine = 0.9999;

    public static TheoryData<string> Cases => [.. GoldenCase.WithMemory().Select(static golden => golden.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pixels_equal_the_references(string name)
    {
        using VisionModel vision = VisionModel.Open(GoldenCase.Find(name).Projector);
        foreach (GoldenPicture picture in GoldenCase.Find(name).Pictures)
        {
            ImagePixels pixels = vision.PreparePixels(picture.Image, picture.Request);
            float[] actual = [.. Enumerable.Range(0, pixels.SliceCount).SelectMany(index => pixels.Planes(index).ToArray())];
            Assert.True(picture.PixelDigest("original") == NpyArray.Digest(actual), $"{picture.Name}: pixels differ.");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Features_and_memories_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        string?[] files = [golden.Projector, golden.WholeModel];
        foreach (string projector in files.OfType<string>())
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
                Check($"{what} memory", Similarity.PerRow(encoding.Memory.Span, picture.Embeddings.Values, encoding.MemoryWidth));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Prompts_tokenize_like_the_reference(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using GgufFile file = GgufFile.Open(golden.LanguageModel);
        using GraphLanguageModel language = GraphLanguageModel.Load(file, 0, null, default);
        using VisionModel vision = VisionModel.Open(golden.Projector);
        foreach (GoldenRun run in golden.Runs)
        {
            SlicePlan[] plans = [.. run.Pictures.Select(picture => PlanOf(golden, picture, vision))];
            IEnumerable<PromptPiece> pieces = PromptPiece.Raw(run.Prompt);
            if (vision.Projector.ReadsPrompt)
                pieces = pieces.OfType<PromptPiece.Place>();
            PromptLayout layout = PromptTokenizer.Tokenize(
                PromptExpansion.Expand([.. pieces], plans),
                language.Vocabulary,
                new PromptEnds(vision.Projector.StartsBehindRows, vision.Projector.KeepsStartText, HasEnd: false)
            );
            Assert.Equal(run.Spans.Select(static span => span.Ids), layout.Spans.Select(static span => (span as PromptSpan.Tokens)?.Ids));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Last_logits_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using GgufFile file = GgufFile.Open(golden.LanguageModel);
        using GraphLanguageModel model = GraphLanguageModel.Load(file, 0, null, default);
        using ILanguage language = model.Open(1024, 1, 0, CacheType.F16);
        foreach (GoldenRun run in golden.Runs)
        {
            PromptRows rows = Rows(golden, run, model);
            language.Cut(0, 0);
            var batch = new ContextBatch(language.BatchSize, model.EmbeddingWidth, null);
            int last = 0;
            for (int row = 0; row < rows.Count; row++)
            {
                if (rows.ViewAt(row) is { } view)
                    batch.See(view);
                last = batch.AddToken(rows.TokenAt(row), 0, row, row == rows.Count - 1);
            }

            Assert.Equal(DecodeOutcome.Done, language.Decode(batch));
            double cosine = Similarity
                .PerRow(language.Logits(last)[..run.Logits.Values.Length], run.Logits.Values, run.Logits.Values.Length)
                .Worst;
            output.WriteLine($"{name} {run.Name} logits: cosine {cosine:0.0000000}");
            Assert.True(cosine >= WorstCosine, $"{name} {run.Name} logits: cosine {cosine}.");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Greedy_tokens_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        ModelOptions[] files =
        [
            new() { ModelPath = golden.LanguageModel, ProjectorPath = golden.Projector },
            .. golden.WholeModel is { } whole ? (ModelOptions[])[new ModelOptions { ModelPath = whole }] : [],
        ];
        foreach (ModelOptions options in files)
        {
            using MultimodalModel model = await MultimodalModel.LoadAsync(options);
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
    }

    private static SlicePlan PlanOf(GoldenCase golden, string picture, VisionModel vision) =>
        vision.Plan(golden.Image(picture), golden.Pictures.Single(entry => entry.Name == picture).Request);

    private static PromptRows Rows(GoldenCase golden, GoldenRun run, GraphLanguageModel model)
    {
        using VisionModel vision = VisionModel.Open(golden.Projector);
        MediaMemory[] media =
        [
            .. run.Pictures.Select(picture => new MediaMemory(
                (ulong)golden.Pictures.TakeWhile(entry => entry.Name != picture).Count(),
                golden.Pictures.Single(entry => entry.Name == picture).Embeddings.Values,
                PlanOf(golden, picture, vision).MemoryTokenCount
            )),
        ];
        GoldenSpan[] spans = [.. run.Spans];
        bool[] touches =
        [
            .. Enumerable
                .Range(0, spans.Length)
                .Where(index => spans[index].IsMemory)
                .Select(index => index >= 2 && spans[index - 2].IsMemory && spans[index - 1].Ids!.Length == 1),
        ];
        var rows = new PromptRows(model.EmbeddingWidth);
        var views = new Queue<MemoryView>(media.Length == 0 ? [] : MemoryView.Of(model.Memory!, media, touches));
        if (views.TryDequeue(out MemoryView? first))
            rows.See(first);
        foreach (GoldenSpan span in spans)
        {
            if (span.IsMemory)
                rows.See(views.Dequeue());
            else
                rows.AddTokens(span.Ids);
        }

        return rows;
    }

    private void Check(string what, (double Mean, double Worst) cosine)
    {
        output.WriteLine($"{what}: cosine {cosine.Mean:0.0000000} mean, {cosine.Worst:0.0000000} worst");
        Assert.True(cosine.Mean >= MeanCosine && cosine.Worst >= WorstCosine, $"{what}: cosine {cosine.Mean} mean, {cosine.Worst} worst.");
    }
}
