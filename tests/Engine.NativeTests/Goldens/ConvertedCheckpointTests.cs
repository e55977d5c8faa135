using Tessera.Checkpoints;
using Xunit.Abstractions;

namespace Tessera.Engine.NativeTests.Goldens;

/// <summary>From a released checkpoint to an answer: what the converter makes encodes and answers as the reference does.</summary>
public sealed class ConvertedCheckpointTests(ITestOutputHelper output) : IDisposable
{
    private const double MeanCosine = 0.99999;
    private const int RunCount = 4;
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-converted-");

    public void Dispose() => folder.Delete(recursive: true);

    [Theory]
    [InlineData("llava-1.5-hf", "llava-1.5")]
    [InlineData("llava-1.6-hf", "llava-1.6")]
    [InlineData("llava-onevision-hf", "llava-onevision")]
    [InlineData("llava-next-video-hf", "llava-next-video")]
    [InlineData("llava-interleave-hf", "llava-interleave")]
    [InlineData("blip2-flan-t5", "blip2-flan-t5")]
    [InlineData("internvl-2.5-hf", "internvl-2.5")]
    [InlineData("internvl-1.5", "internvl-1.5")]
    [InlineData("vila-1.5-3b", "vila-1.5-3b")]
    [InlineData("vila-1.5-40b", "vila-1.5-40b")]
    [InlineData("nvila", "nvila")]
    [InlineData("glm-4v", "glm-4v")]
    public async Task A_converted_checkpoint_encodes_and_answers_as_the_reference(string checkpoint, string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using CheckpointConverter converter = CheckpointConverter.Open(
            RepositoryRoot.Path("tests", "goldens", "checkpoints", checkpoint),
            new ConversionOptions { OutputFolder = folder.FullName }
        );
        await converter.ConvertAsync();
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = converter.Model.Path, ProjectorPath = converter.Projector!.Path }
        );
        using (VisionModel vision = VisionModel.Open(converter.Projector.Path))
        {
            vision.LoadWeights();
            foreach (GoldenPicture picture in golden.Pictures)
            {
                (double mean, double worst) = Similarity.PerRow(
                    vision.Encode(picture.Image, picture.Request).Embeddings.Span,
                    picture.Embeddings.Values,
                    vision.EmbeddingWidth
                );
                output.WriteLine($"{checkpoint} {picture.Name}: cosine {mean:0.0000000} mean, {worst:0.0000000} worst");
                Assert.True(mean >= MeanCosine, $"{picture.Name}: mean cosine {mean}.");
            }
        }

        foreach (GoldenRun run in golden.Runs.Take(RunCount))
        {
            var prompt = new Prompt(run.Prompt) { IsRaw = true, Images = [.. run.Pictures.Select(golden.Image)] };
            GenerationResult result = await model.AnswerAsync(
                prompt,
                new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length }
            );
            Assert.Equal(run.Tokens, result.TokenIds);
        }
    }
}
