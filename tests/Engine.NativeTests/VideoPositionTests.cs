using Tessera.Engine.NativeTests.Goldens;
using Tessera.Gguf;

namespace Tessera.Engine.NativeTests;

/// <summary>A long video stretches a Vicuna's positions as the key in a file would.</summary>
public sealed class VideoPositionTests : IDisposable
{
    private const string ScalingType = "llama.rope.scaling.type";
    private static readonly GoldenCase Golden = GoldenCase.Find("llava-next-video-release");
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("tessera-positions-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task The_frames_say_what_the_key_says()
    {
        string told = Write("linear", 2, null),
            silent = Write(null, 0, null),
            otherBase = Write(null, 0, 5_000_000);
        // 4 tokens of each frame, and 1000 of text, are more than 4096 and fewer than twice that.
        const int Frames = 1000;
        double[] byKey = await ProbabilitiesAsync(told, 0),
            byFrames = await ProbabilitiesAsync(silent, Frames);
        Assert.Equal(byKey, byFrames);
        Assert.NotEqual(byKey, await ProbabilitiesAsync(silent, 0));
        Assert.Equal(await ProbabilitiesAsync(otherBase, 0), await ProbabilitiesAsync(otherBase, Frames));
        Assert.Equal(byKey, await ProbabilitiesAsync(told, Frames));
    }

    private static async Task<double[]> ProbabilitiesAsync(string path, int frames)
    {
        var options = new ModelOptions
        {
            ModelPath = path,
            ProjectorPath = Golden.Projector,
            VideoFrameCount = frames,
        };
        await using MultimodalModel model = await MultimodalModel.LoadAsync(options);
        var greedy = new GenerationOptions
        {
            Temperature = 0,
            MaxTokens = 1,
            LogProbabilityCount = 20,
        };
        GenerationResult answer = await model.AnswerAsync(new Prompt("What is in this picture, and what is not?") { IsRaw = true }, greedy);
        return [.. answer.LogProbabilities[0].Likeliest.Select(static token => token.LogProbability)];
    }

    // The golden's language model with another say about its positions.
    private string Write(string? scaling, float factor, float? frequency)
    {
        using GgufFile file = GgufFile.Open(Golden.LanguageModel);
        var writer = new GgufWriter(file.Alignment);
        foreach ((string key, GgufValue value) in file.Metadata)
            if (!key.StartsWith("llama.rope.scaling", StringComparison.Ordinal) && (frequency is null || key != "llama.rope.freq_base"))
                writer.AddMetadata(key, value);
        if (scaling is not null)
        {
            writer.AddMetadata(ScalingType, scaling);
            writer.AddMetadata("llama.rope.scaling.factor", factor);
        }

        if (frequency is { } based)
            writer.AddMetadata("llama.rope.freq_base", based);
        foreach (GgufTensor tensor in file.Tensors)
        {
            var data = new byte[tensor.ByteLength];
            file.ReadTensorData(tensor, 0, data);
            writer.AddTensor(tensor.Name, tensor.Type, [.. tensor.Shape], data);
        }

        string path = Path.Combine(folder.FullName, $"{Guid.NewGuid():N}.gguf");
        writer.Save(path);
        return path;
    }
}
