using Tessera.Prompting;
using Tessera.Text;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Every stage against the reference, for every golden case: limits of DESIGN.md, section 6.</summary>
public sealed class FidelityTests(ITestOutputHelper output)
{
    private const double MeanCosine = 0.99999;
    private const double WorstCosine = 0.9999;

    public static TheoryData<string> Cases => [.. GoldenCase.All().Select(static golden => golden.Name)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pixels_equal_the_references(string name)
    {
        foreach ((Preprocessing preprocessing, string key) in ((Preprocessing, string)[])[(Preprocessing.Original, "original"), (Preprocessing.Transformers, "transformers")])
        {
            using VisionModel vision = VisionModel.Open(GoldenCase.Find(name).Projector, preprocessing);
            foreach (GoldenPicture picture in GoldenCase.Find(name).Pictures.Where(picture => picture.HasPixels(key)))
            {
                ImagePixels pixels = vision.PreparePixels(picture.Image);
                float[] actual = [.. Enumerable.Range(0, pixels.SliceCount).SelectMany(index => pixels.Planes(index).ToArray())];
                float[] expected = picture.Pixels(key).Values;
                Assert.Equal(expected.Length, actual.Length);
                float difference = actual.Zip(expected, static (a, b) => Math.Abs(a - b)).Max();
                output.WriteLine($"{name} {picture.Name} {key}: largest pixel difference {difference}");
                Assert.True(difference == 0, $"{picture.Name} ({key}): pixels differ by {difference}.");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Features_and_embeddings_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using VisionModel vision = VisionModel.Open(golden.Projector);
        vision.LoadWeights();
        foreach (GoldenPicture picture in golden.Pictures)
        {
            ImageEncoding encoding = vision.Encode(picture.Image);
            float[] features = [.. Enumerable.Range(0, encoding.SliceCount).SelectMany(index => encoding.Features(index).ToArray())];
            Check($"{name} {picture.Name} features", Similarity.PerRow(features, picture.Features.Values, encoding.FeatureWidth));
            Check($"{name} {picture.Name} embeddings", Similarity.PerRow(encoding.Embeddings.Span, picture.Embeddings.Values, encoding.Width));
            Assert.Equal(vision.Plan(vision.ReadSize(picture.Image)).ImageTokenCount, encoding.TokenCount);
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
                (double mean, double worst) = Similarity.PerRow(vision.Encode(picture.Image).Embeddings.Span, picture.Embeddings.Values, vision.EmbeddingWidth);
                output.WriteLine($"{Path.GetFileName(path)} {picture.Name}: cosine {mean:0.000000} mean, {worst:0.000000} worst");
                Assert.True(mean >= limit, $"{picture.Name}: mean cosine {mean} is below {limit}.");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Prompts_tokenize_like_the_reference(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using LanguageModel language = LanguageModel.Load(golden.LanguageModel, 0, null, default);
        using VisionModel vision = VisionModel.Open(golden.Projector);
        foreach (GoldenRun run in golden.Runs)
        {
            PromptLayout layout = PromptTokenizer.Tokenize(PromptText.Expand(run.Prompt, Plans(golden, run, vision)), language.Vocabulary);
            Assert.Equal(run.Spans, layout.Spans.Select(static span => (span as PromptSpan.Tokens)?.Ids));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Greedy_tokens_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using MultimodalModel model = await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = golden.LanguageModel, ProjectorPath = golden.Projector });
        int equal = 0;
        foreach (GoldenRun run in golden.Runs)
        {
            var prompt = new Prompt(run.Prompt) { IsRaw = true, Images = [.. run.Pictures.Select(golden.Image)] };
            GenerationResult result = await model.AnswerAsync(prompt, new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length });
            Assert.True(run.Tokens.SequenceEqual(result.TokenIds), $"{run.Name}: {string.Join(' ', result.TokenIds)} instead of {string.Join(' ', run.Tokens)}");
            equal++;
        }

        output.WriteLine($"{name}: {equal} runs of 24 greedy tokens are identical");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Last_logits_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using LanguageModel language = LanguageModel.Load(golden.LanguageModel, 0, null, default);
        using var context = new LanguageContext(language, 2048, 2);
        foreach (GoldenRun run in golden.Runs)
        {
            context.Clear();
            int next = 0;
            foreach (int[]? ids in run.Spans)
            {
                if (ids is not null) context.DecodeTokens(ids, default);
                else context.DecodeEmbeddings(golden.Pictures.Single(picture => picture.Name == run.Pictures[next]).Embeddings.Values, default);
                if (ids is null) next++;
            }

            // One row, so the limit for a single row holds: libllama rounds activations to F16 before each product with F16 weights.
            (double cosine, _) = Similarity.PerRow(context.Logits(), run.Logits.Values, run.Logits.Values.Length);
            output.WriteLine($"{name} {run.Name} logits: cosine {cosine:0.0000000}");
            Assert.True(cosine >= WorstCosine, $"{name} {run.Name} logits: cosine {cosine}.");
        }
    }

    private static List<IReadOnlyList<PromptPiece>> Plans(GoldenCase golden, GoldenRun run, VisionModel vision) =>
        [.. run.Pictures.Select((picture, index) => AnswerRun.PromptPieces(vision.Plan(vision.ReadSize(golden.Image(picture)), new PlanRequest { ImageCount = run.Pictures.Count, ImageIndex = index })))];

    private void Check(string what, (double Mean, double Worst) cosine)
    {
        output.WriteLine($"{what}: cosine {cosine.Mean:0.0000000} mean, {cosine.Worst:0.0000000} worst");
        Assert.True(cosine.Mean >= MeanCosine && cosine.Worst >= WorstCosine, $"{what}: cosine {cosine.Mean} mean, {cosine.Worst} worst.");
    }
}
