using System.Text.Json;
using Tessera.Gguf;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>Videos, stage by stage, against the reference: pixels equal, every token near, greedy tokens identical.</summary>
public sealed class VideoFidelityTests(ITestOutputHelper output)
{
    private const double MeanCosine = 0.99999;
    private const double WorstCosine = 0.9999;

    public static TheoryData<string> Cases => ["llava-next-video", "llava-next-video-release", "llava-onevision-video", "llava-interleave"];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Pixels_features_and_embeddings_are_the_references(string name)
    {
        using VisionModel vision = VisionModel.Open(GoldenCase.Find(name).Projector);
        vision.LoadWeights();
        foreach (GoldenVideo golden in GoldenVideo.Of(GoldenCase.Find(name)))
        {
            PromptVideo video = golden.Video;
            SlicePlan plan = vision.Plan(video);
            Assert.Equal((golden.TokenCount, golden.Indexes.Length), (plan.ImageTokenCount, plan.FrameCount));
            ImagePixels prepared = vision.PreparePixels(video);
            float[] pixels = [.. Enumerable.Range(0, prepared.SliceCount).SelectMany(index => prepared.Planes(index).ToArray())];
            Assert.Equal(golden.PixelDigest, NpyArray.Digest(pixels));
            ImageFeatures features = vision.EncodeFeatures(video);
            float[] values = [.. Enumerable.Range(0, features.SliceCount).SelectMany(index => features.Of(index).ToArray())];
            Check($"{name} {golden.Name} features", Similarity.PerRow(values, golden.Features.Values, features.Width));
            ImageEncoding encoding = vision.Encode(video);
            Check($"{name} {golden.Name} rows", Similarity.PerRow(encoding.Embeddings.Span, golden.Embeddings.Values, encoding.Width));
        }
    }

    [Fact]
    public void Every_way_to_pool_and_to_put_newlines_is_the_references()
    {
        GoldenCase golden = GoldenCase.Find("llava-next-video");
        int count = 0;
        foreach (JsonElement variant in GoldenVideo.Variants(golden))
        {
            Dictionary<string, GgufValue> keys = variant
                .GetProperty("keys")
                .EnumerateObject()
                .ToDictionary(static key => key.Name, static key => GgufValue.From(key.Value.GetString()!));
            using var changed = new ChangedProjector(golden.Projector, keys);
            using VisionModel vision = VisionModel.Open(changed.Path);
            vision.LoadWeights(threadCount: 1);
            ImageEncoding encoding = vision.Encode(GoldenVideo.Of(golden).First().Video);
            Assert.Equal(variant.GetProperty("tokens").GetInt32(), encoding.TokenCount);
            NpyArray expected = NpyArray.Read(golden.FilePath(variant.GetProperty("embeddings").GetString()!));
            Check(string.Join(' ', keys.Values), Similarity.PerRow(encoding.Embeddings.Span, expected.Values, encoding.Width));
            count++;
        }

        Assert.Equal(24, count);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Greedy_tokens_are_the_references(string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        Dictionary<string, PromptVideo> videos = GoldenVideo
            .Of(golden)
            .ToDictionary(static video => video.Name, static video => video.Video);
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = golden.LanguageModel, ProjectorPath = golden.Projector }
        );
        foreach (JsonElement run in GoldenVideo.Runs(golden))
        {
            PromptMedia[] media =
            [
                .. run.GetProperty("media")
                    .EnumerateArray()
                    .Select(item =>
                        item.TryGetProperty("video", out JsonElement video)
                            ? (PromptMedia)videos[video.GetString()!]
                            : golden.Image(item.GetProperty("picture").GetString()!)
                    ),
            ];
            int[] expected = [.. run.GetProperty("tokens").EnumerateArray().Select(static token => token.GetInt32())];
            var prompt = new Prompt(run.GetProperty("prompt").GetString()!) { IsRaw = true, Media = media };
            GenerationResult result = await model.AnswerAsync(
                prompt,
                new GenerationOptions { Temperature = 0, MaxTokens = expected.Length }
            );
            Assert.Equal(expected, result.TokenIds);
        }
    }

    private void Check(string what, (double Mean, double Worst) cosine)
    {
        output.WriteLine($"{what}: cosine {cosine.Mean:0.0000000} mean, {cosine.Worst:0.0000000} worst");
        Assert.True(cosine.Mean >= MeanCosine && cosine.Worst >= WorstCosine, $"{what}: cosine {cosine.Mean} mean, {cosine.Worst} worst.");
    }
}
