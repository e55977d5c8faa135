using System.Text.Json;
using Tessera.Checkpoints;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>BLIP's image-text matching against the reference, from the golden's file and from the checkpoint.</summary>
public sealed class MatchingTests(ITestOutputHelper output) : IDisposable
{
    // Of logits and cosines of some 1, as ggml rounds activations to F16 before each product with F16 weights.
    private const double Tolerance = 0.005;
    private static readonly string Golden = RepositoryRoot.Path("tests", "goldens", "blip", "blip-itm");
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-matching-");

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [InlineData(Preprocessing.Original, "logits")]
    [InlineData(Preprocessing.Transformers, "logits_transformers")]
    public void Scores_and_vectors_are_the_references(Preprocessing preprocessing, string key)
    {
        using VisionModel vision = VisionModel.Open(Path.Combine(Golden, "matching-f16.gguf"), preprocessing);
        Compare(vision, key);
    }

    [Fact]
    public async Task A_checkpoint_becomes_one_file_that_matches_as_the_reference()
    {
        using CheckpointConverter converter = CheckpointConverter.Open(
            RepositoryRoot.Path("tests", "goldens", "checkpoints", "blip-itm"),
            new ConversionOptions { OutputFolder = folder.FullName }
        );
        await converter.ConvertAsync();
        Assert.Null(converter.Projector);
        using VisionModel vision = VisionModel.Open(converter.Model.Path);
        Compare(vision, "logits");
    }

    [Fact]
    public async Task It_answers_no_questions_and_a_tower_matches_nothing()
    {
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            MultimodalModel.LoadAsync(
                new ModelOptions
                {
                    ModelPath = GoldenCase.Find("blip-caption").LanguageModel,
                    ProjectorPath = Path.Combine(Golden, "matching-f16.gguf"),
                }
            )
        );
        Assert.Contains("no language model belongs to it", failure.Message, StringComparison.Ordinal);
        using VisionModel tower = VisionModel.Open(GoldenCase.Find("blip-caption").Projector);
        Assert.Contains(
            "without the heads",
            Assert.Throws<ModelFileException>(() => new PictureMatcher(tower)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_decoder_of_captions_is_refused_where_questions_are_read()
    {
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            MultimodalModel.LoadAsync(
                new ModelOptions
                {
                    ModelPath = GoldenCase.Find("blip-caption").LanguageModel,
                    ProjectorPath = GoldenCase.Find("blip-vqa").Projector,
                }
            )
        );
        Assert.Contains("do not belong together", failure.Message, StringComparison.Ordinal);
    }

    private void Compare(VisionModel vision, string key)
    {
        vision.LoadWeights();
        var matcher = new PictureMatcher(vision);
        using JsonDocument manifest = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Golden, "manifest.json")));
        double worst = 0;
        foreach (JsonElement entry in manifest.RootElement.GetProperty("matches").EnumerateArray())
        {
            string path = Path.GetFullPath(Path.Combine(Golden, entry.GetProperty("picture").GetString()!));
            MatchScore score = matcher.Match([new PromptImage(File.ReadAllBytes(path), path)], [entry.GetProperty("text").GetString()!])[0][
                0
            ];
            double[] logits = [.. entry.GetProperty(key).EnumerateArray().Select(static logit => logit.GetDouble())];
            worst = Math.Max(worst, Math.Abs(score.MismatchLogit - logits[0]));
            worst = Math.Max(worst, Math.Abs(score.MatchLogit - logits[1]));
            worst = Math.Max(worst, Math.Abs(score.Cosine - entry.GetProperty("cosine").GetDouble()));
            Assert.Equal(1 / (1 + Math.Exp(logits[0] - logits[1])), score.Probability, Tolerance);
        }

        output.WriteLine($"{key}: largest difference {worst:0.00000}");
        Assert.True(worst < Tolerance, $"{key}: a score differs by {worst}.");
        NpyArray vectors = NpyArray.Read(Path.Combine(Golden, "picture-vectors.npy"));
        string[] names = [.. manifest.RootElement.GetProperty("pictures").EnumerateArray().Select(static name => name.GetString()!)];
        for (int index = 0; index < names.Length; index++)
        {
            string path = RepositoryRoot.Path("tests", "goldens", "pictures", names[index] + ".png");
            float[] vector = matcher.VectorOf(new PromptImage(File.ReadAllBytes(path), path));
            double cosine = Similarity
                .PerRow(vector, vectors.Values.AsSpan(index * vector.Length, vector.Length).ToArray(), vector.Length)
                .Worst;
            Assert.True(cosine >= 0.9999, $"{names[index]}: cosine {cosine}.");
        }
    }
}
