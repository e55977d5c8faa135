using System.Text.Json.Nodes;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>The same weights under other names of files, and a tower in a folder of its own.</summary>
public sealed class WeightLayoutTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("consolidated.{0}.pth")]
    [InlineData("model-{0}.pt")]
    [InlineData("pytorch_model-{0}.bin")]
    public async Task PyTorch_files_without_an_index_are_read_whatever_their_name(string pattern)
    {
        string path = folder.Copy("llama-pytorch");
        File.Delete(Path.Combine(path, "pytorch_model.bin.index.json"));
        string[] files = [.. Directory.GetFiles(path, "*.bin").Order()];
        for (int index = 0; index < files.Length; index++)
            File.Move(files[index], Path.Combine(path, string.Format(null, pattern, index)));
        using GgufFile expected = await ConvertAsync(Goldens.Folder("llama-pytorch"), "expected"),
            given = await ConvertAsync(path, "given");
        Assert.Equal(Described.Tensors(expected), Described.Tensors(given));
    }

    [Fact]
    public async Task A_tower_is_taken_from_the_folder_that_is_named()
    {
        string path = folder.Copy("llava-v1.5"),
            tower = folder.Copy("clip-vit-large-patch14-56"),
            elsewhere = folder.File("tower");
        Directory.Move(tower, elsewhere);
        Assert.Contains("the vision tower is not in it", Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path)).Message);
        using CheckpointConverter converter = CheckpointConverter.Open(
            path,
            new ConversionOptions { OutputFolder = folder.File("out"), VisionTowerFolder = elsewhere }
        );
        await converter.ConvertAsync();
        using GgufFile projector = GgufFile.Open(converter.Projector!.Path);
        Assert.Contains(projector.Tensors, static tensor => tensor.Name == "v.blk.0.attn_q.weight");
        Assert.Contains(projector.Metadata, static entry => entry.Value.ToString()!.StartsWith("vision-tower/", StringComparison.Ordinal));
    }

    [Fact]
    public void A_tower_of_another_width_is_refused()
    {
        string path = folder.Copy("llava-v1.5"),
            tower = folder.Copy("clip-vit-large-patch14-56"),
            file = Path.Combine(tower, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        (config["vision_config"] as JsonObject ?? config)["hidden_size"] = 96;
        File.WriteAllText(file, config.ToJsonString());
        CheckpointException failure = Assert.Throws<CheckpointException>(() =>
            CheckpointConverter.Open(path, new ConversionOptions { VisionTowerFolder = tower })
        );
        Assert.Contains("has the shape", failure.Message);
    }

    private async Task<GgufFile> ConvertAsync(string path, string name)
    {
        using CheckpointConverter converter = CheckpointConverter.Open(
            path,
            new ConversionOptions { OutputFolder = folder.File("out"), Name = name }
        );
        await converter.ConvertAsync();
        return GgufFile.Open(converter.Model.Path);
    }
}
