using System.Globalization;
using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;

namespace Tessera.Engine.NativeTests.GraphLanguages;

/// <summary>Ollama's one file with both halves of a model, and models whose file is split, as gguf-split leaves them.</summary>
public sealed class WholeFileTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-whole-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_tower_that_comes_with_the_language_model_is_loaded_with_the_first_picture()
    {
        GoldenCase golden = GoldenCase.WithMemory().First(static golden => golden.WholeModel is not null);
        using MultimodalModel model = await MultimodalModel.LoadAsync(new ModelOptions { ModelPath = golden.WholeModel! });
        GoldenRun text = golden.Runs.First(static run => run.Pictures.Count == 0),
            seen = golden.Runs.First(static run => run.Pictures.Count == 1);
        await RequireAsync(model, golden, text);
        Assert.False(model.Vision!.Projector.HasWeights);
        await RequireAsync(model, golden, seen);
        Assert.True(model.Vision.Projector.HasWeights);
    }

    [Theory]
    [InlineData("llama-3.2-vision", true)]
    [InlineData("llama-3.2-vision", false)]
    [InlineData("cambrian-8b", false)]
    [InlineData("blip2-opt", false)]
    public async Task A_split_file_is_loaded(string name, bool isWhole)
    {
        GoldenCase golden = GoldenCase.Find(name);
        string first = Split(isWhole ? golden.WholeModel! : golden.LanguageModel, 3);
        using MultimodalModel model = await MultimodalModel.LoadAsync(
            new ModelOptions { ModelPath = first, ProjectorPath = isWhole ? null : golden.Projector }
        );
        foreach (GoldenRun run in golden.Runs.Take(2))
            await RequireAsync(model, golden, run);
    }

    [Fact]
    public async Task A_part_that_is_missing_is_named()
    {
        string first = Split(GoldenCase.Find("blip2-opt").LanguageModel, 3);
        string second = first.Replace("-00001-", "-00002-", StringComparison.Ordinal);
        File.Delete(second);
        TesseraException failure = await Assert.ThrowsAnyAsync<TesseraException>(() =>
            MultimodalModel.LoadAsync(new ModelOptions { ModelPath = first })
        );
        Assert.Contains(second, failure.Message, StringComparison.Ordinal);
    }

    private static async Task RequireAsync(MultimodalModel model, GoldenCase golden, GoldenRun run)
    {
        var prompt = new Prompt(run.Prompt) { IsRaw = true, Images = [.. run.Pictures.Select(golden.Image)] };
        GenerationResult result = await model.AnswerAsync(prompt, new GenerationOptions { Temperature = 0, MaxTokens = run.Tokens.Length });
        Assert.Equal((run.Name, string.Join(' ', run.Tokens)), (run.Name, string.Join(' ', result.TokenIds)));
    }

    // The first part has the metadata; tensors are dealt out in their order.
    private string Split(string path, int count)
    {
        using GgufFile file = GgufFile.Open(path);
        string Name(int part) =>
            Path.Combine(folder.FullName, string.Create(CultureInfo.InvariantCulture, $"model-{part + 1:D5}-of-{count:D5}.gguf"));
        for (int part = 0; part < count; part++)
        {
            var writer = new GgufWriter();
            if (part == 0)
                foreach ((string key, GgufValue value) in file.Metadata)
                    writer.AddMetadata(key, value);
            writer.AddMetadata("split.no", GgufValue.From((ushort)part));
            writer.AddMetadata("split.count", GgufValue.From((ushort)count));
            writer.AddMetadata("split.tensors.count", GgufValue.From(file.Tensors.Count));
            int each = (file.Tensors.Count + count - 1) / count;
            foreach (GgufTensor tensor in file.Tensors.Skip(part * each).Take(each))
                writer.AddTensor(tensor.Name, tensor.Type, tensor.Shape.AsSpan(), file.GetTensorData(tensor, 0, (int)tensor.ByteLength));
            writer.Save(Name(part));
        }

        return Name(0);
    }
}
