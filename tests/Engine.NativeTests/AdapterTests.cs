using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;

namespace Tessera.Engine.NativeTests;

/// <summary>LoRA adapters change what a language model says, by their scale; only the model that they were made for takes them.</summary>
public sealed class AdapterTests : IDisposable
{
    private const int Rank = 2;
    private static readonly string LanguageModel = GoldenCase.Find("llava-1.5").LanguageModel;
    private static readonly GenerationOptions Greedy = new()
    {
        Temperature = 0,
        MaxTokens = 1,
        LogProbabilityCount = 20,
    };
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-adapter-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task The_scale_says_how_much_an_adapter_changes()
    {
        string adapter = Write();
        double[] without = await ProbabilitiesAsync(),
            unscaled = await ProbabilitiesAsync(new ModelAdapter(adapter, 0)),
            whole = await ProbabilitiesAsync(new ModelAdapter(adapter)),
            twoHalves = await ProbabilitiesAsync(new ModelAdapter(adapter, 0.5f), new ModelAdapter(Write(), 0.5f));
        Assert.Equal(without, unscaled);
        Assert.NotEqual(without, whole);
        Assert.Equal(whole.Length, twoHalves.Length);
        Assert.All(whole.Zip(twoHalves), static pair => Assert.Equal(pair.First, pair.Second, 2e-3));
    }

    [Fact]
    public async Task What_is_no_adapter_of_the_model_is_refused_by_name()
    {
        foreach (
            string path in (string[])[LanguageModel, Write(kind: "control_vector"), Write(tensor: "blk.9.attn_q.weight"), Write(width: 8)]
        )
            Assert.StartsWith(path, (await Assert.ThrowsAsync<ModelFileException>(() => LoadAsync(new ModelAdapter(path)))).Message);
        await Assert.ThrowsAsync<ModelFileException>(() => LoadAsync(new ModelAdapter(Write(), float.NaN)));
    }

    private static Task<MultimodalModel> LoadAsync(params ModelAdapter[] adapters) =>
        MultimodalModel.LoadAsync(new ModelOptions { ModelPath = LanguageModel, Adapters = adapters });

    private static async Task<double[]> ProbabilitiesAsync(params ModelAdapter[] adapters)
    {
        await using MultimodalModel model = await LoadAsync(adapters);
        GenerationResult answer = await model.AnswerAsync(new Prompt("Hello") { IsRaw = true }, Greedy);
        return
        [
            .. answer.LogProbabilities[0].Likeliest.OrderBy(static token => token.TokenId).Select(static token => token.LogProbability),
        ];
    }

    private string Write(string kind = "lora", string? tensor = null, int? width = null)
    {
        using GgufFile model = GgufFile.Open(LanguageModel);
        const string Adapted = "blk.0.attn_q.weight";
        Assert.True(model.TryGetTensor(Adapted, out GgufTensor? matrix));
        var writer = new GgufWriter();
        writer.AddMetadata("general.architecture", model.Metadata.RequireString("general.architecture"));
        writer.AddMetadata("general.type", "adapter");
        writer.AddMetadata("adapter.type", kind);
        writer.AddMetadata("adapter.lora.alpha", (float)Rank);
        string name = tensor ?? Adapted;
        Add(writer, $"{name}.lora_a", width ?? matrix!.Shape[0], Rank, 0.3f);
        Add(writer, $"{name}.lora_b", Rank, matrix!.Shape[1], 0.2f);
        string path = Path.Combine(folder.FullName, $"{Guid.NewGuid():N}.gguf");
        writer.Save(path);
        return path;
    }

    private static void Add(GgufWriter writer, string name, long inputs, long outputs, float size)
    {
        var values = new float[inputs * outputs];
        for (int index = 0; index < values.Length; index++)
            values[index] = size * MathF.Sin(index * 12.9898f);
        writer.AddTensor(
            name,
            GgufTensorType.F32,
            [inputs, outputs],
            System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan())
        );
    }
}
