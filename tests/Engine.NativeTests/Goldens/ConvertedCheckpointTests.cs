using System.Text.Json;
using Tessera.Checkpoints;
using Tessera.Prompting;
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
    [InlineData("minigpt4-vicuna", "minigpt4-vicuna")]
    [InlineData("minigpt4-llama2", "minigpt4-llama2")]
    [InlineData("minigpt-v2", "minigpt-v2")]
    [InlineData("instructblip-flan-t5", "instructblip-flan-t5")]
    [InlineData("instructblip-vicuna", "instructblip-vicuna")]
    [InlineData("blip2-flan-t5-lavis", "blip2-flan-t5-lavis")]
    [InlineData("blip2-flan-t5-vitl", "blip2-flan-t5-vitl")]
    [InlineData("instructblip-vicuna-lavis", "instructblip-vicuna-lavis")]
    [InlineData("internvl-2.5-hf", "internvl-2.5")]
    [InlineData("internvl-1.5", "internvl-1.5")]
    [InlineData("minicpm-v-4.6", "minicpm-v-4.6")]
    [InlineData("vila-1.5-3b", "vila-1.5-3b")]
    [InlineData("vila-1.5-40b", "vila-1.5-40b")]
    [InlineData("nvila", "nvila")]
    [InlineData("cambrian-8b", "cambrian-8b")]
    [InlineData("glm-4v", "glm-4v")]
    [InlineData("cogvlm", "cogvlm")]
    [InlineData("cogvlm2", "cogvlm2")]
    [InlineData("mplug-owl2", "mplug-owl2")]
    [InlineData("mplug-owl", "mplug-owl")]
    [InlineData("llava-v1.5", "llava-1.5")]
    [InlineData("llava-v1.6", "llava-1.6")]
    [InlineData("llava-next-llama3", "llava-next-llama3")]
    [InlineData("llava-next-qwen", "llava-next-qwen")]
    [InlineData("llava-1-ends", "llava-1-ends")]
    [InlineData("idefics", "idefics")]
    [InlineData("blip-caption", "blip-caption")]
    [InlineData("blip-vqa", "blip-vqa")]
    [InlineData("openflamingo-mpt", "openflamingo-mpt")]
    [InlineData("openflamingo-neox", "openflamingo-neox")]
    [InlineData("blip2-opt", "blip2-opt")]
    [InlineData("llama-3.2-vision", "llama-3.2-vision")]
    public async Task A_converted_checkpoint_encodes_and_answers_as_the_reference(string checkpoint, string name)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using MultimodalModel model = await LoadAsync(checkpoint);
        using (VisionModel vision = VisionModel.Open(Directory.EnumerateFiles(folder.FullName, "mmproj-*").Single()))
        {
            vision.LoadWeights();
            foreach (GoldenPicture picture in golden.Pictures)
            {
                ImageEncoding encoding = vision.Encode(picture.Image, picture.Request);
                (double mean, double worst) = Similarity.PerRow(
                    (encoding.TokenCount == 0 ? encoding.Memory : encoding.Embeddings).Span,
                    picture.Embeddings.Values,
                    encoding.MemoryWidth > 0 ? encoding.MemoryWidth : vision.EmbeddingWidth
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

    // The weights have eight bits there: runs.json has what the reference says with these, as far as it is clear.
    [Fact]
    public async Task The_file_that_candle_reads_encodes_and_captions_as_the_reference_up_to_quantization()
    {
        GoldenCase golden = GoldenCase.Find("blip-caption");
        using MultimodalModel model = await LoadAsync("blip-candle");
        using (VisionModel vision = VisionModel.Open(Directory.EnumerateFiles(folder.FullName, "mmproj-*").Single()))
        {
            vision.LoadWeights();
            foreach (GoldenPicture picture in golden.Pictures)
            {
                ImageEncoding encoding = vision.Encode(picture.Image, picture.Request);
                double mean = Similarity.PerRow(encoding.Memory.Span, picture.Embeddings.Values, encoding.MemoryWidth).Mean;
                output.WriteLine($"{picture.Name}: cosine {mean:0.000000} mean");
                Assert.True(mean >= 0.999, $"{picture.Name}: mean cosine {mean}.");
            }
        }

        byte[] runs = await File.ReadAllBytesAsync(RepositoryRoot.Path("tests", "goldens", "checkpoints", "blip-candle", "runs.json"));
        foreach (JsonElement run in JsonDocument.Parse(runs).RootElement.EnumerateArray())
        {
            int[] tokens = [.. run.GetProperty("tokens").EnumerateArray().Select(static token => token.GetInt32())];
            var prompt = new Prompt(MediaMarker.Text + run.GetProperty("prompt").GetString())
            {
                IsRaw = true,
                Images = [golden.Image(run.GetProperty("picture").GetString()!)],
            };
            GenerationResult result = await model.AnswerAsync(prompt, new GenerationOptions { Temperature = 0, MaxTokens = tokens.Length });
            Assert.Equal((prompt.Text, string.Join(' ', tokens)), (prompt.Text, string.Join(' ', result.TokenIds)));
        }
    }

    // The authors' words around picture and question are in the goldens' runs; here they are the converted file's or the family's own.
    [Theory]
    [InlineData("glm-4v", "glm-4v", "<|assistant|>")]
    [InlineData("cogvlm", "cogvlm", " Answer:")]
    [InlineData("cogvlm2", "cogvlm2", " Answer:")]
    [InlineData("mplug-owl2", "mplug-owl2", " ASSISTANT:")]
    [InlineData("mplug-owl", "mplug-owl", "\nAI: ")]
    [InlineData("llava-v1.5", "llava-1.5", " ASSISTANT:")]
    [InlineData("llava-v1.6", "llava-1.6", " ASSISTANT:")]
    [InlineData("llava-next-llama3", "llava-next-llama3", "<|eot_id|>")]
    [InlineData("llava-next-qwen", "llava-next-qwen", "<|im_end|>")]
    [InlineData("llava-1-ends", "llava-1-ends", " ASSISTANT:")]
    public async Task A_converted_checkpoint_words_prompts_as_its_authors(string checkpoint, string name, string end)
    {
        GoldenCase golden = GoldenCase.Find(name);
        using MultimodalModel model = await LoadAsync(checkpoint);
        GoldenRun[] runs = [.. golden.Runs.Where(static run => !run.Name.EndsWith(".raw", StringComparison.Ordinal))];
        Assert.NotEmpty(runs);
        foreach (GoldenRun run in runs)
        {
            string rest = run.Prompt.Split(MediaMarker.Text)[1].TrimStart('\n').Replace("Human: ", "", StringComparison.Ordinal);
            rest = rest.Replace("Question: ", "", StringComparison.Ordinal);
            var prompt = new Prompt(rest[..rest.IndexOf(end, StringComparison.Ordinal)])
            {
                Images = [.. run.Pictures.Select(golden.Image)],
            };
            GenerationResult result = await model.AnswerAsync(
                prompt,
                new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length }
            );
            Assert.Equal((run.Name, string.Join(' ', run.Tokens)), (run.Name, string.Join(' ', result.TokenIds)));
        }
    }

    // Any Llama of its width would do, for all that sizes tell.
    [Fact]
    public async Task QLLaMA_before_another_models_Llama_is_refused()
    {
        ModelOptions own = await ConvertAsync("internvl-1.0-qllama"),
            other = await ConvertAsync("internvl-1.0");
        (await MultimodalModel.LoadAsync(own)).Dispose();
        ModelFileException failure = await Assert.ThrowsAsync<ModelFileException>(() =>
            MultimodalModel.LoadAsync(own with { ModelPath = other.ModelPath })
        );
        Assert.Contains("it was made for another language model of the architecture llama", failure.Message, StringComparison.Ordinal);
    }

    private async Task<MultimodalModel> LoadAsync(string checkpoint) => await MultimodalModel.LoadAsync(await ConvertAsync(checkpoint));

    private async Task<ModelOptions> ConvertAsync(string checkpoint)
    {
        using CheckpointConverter converter = CheckpointConverter.Open(
            RepositoryRoot.Path("tests", "goldens", "checkpoints", checkpoint),
            new ConversionOptions { OutputFolder = folder.FullName }
        );
        await converter.ConvertAsync();
        return new ModelOptions { ModelPath = converter.Model.Path, ProjectorPath = converter.Projector!.Path };
    }
}
