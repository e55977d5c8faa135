using System.Text.Json.Nodes;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>Cambrian-1's four towers lie in folders of their own, wherever these are.</summary>
public sealed class CambrianTests : IDisposable
{
    private static readonly string[] TowerNames =
    [
        "ViT-SO400M-14-SigLIP-384",
        "clip-vit-large-patch14-84",
        "dinov2-giant",
        "CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup",
    ];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Towers_are_told_by_what_is_in_their_folders(bool isOneFolder)
    {
        string path = Copy();
        string elsewhere = Directory.CreateDirectory(folder.File("towers")).FullName;
        string[] moved = [.. TowerNames.Select((_, index) => Path.Combine(elsewhere, $"{4 - index}"))];
        for (int index = 0; index < moved.Length; index++)
            Directory.Move(Path.Combine(path, TowerNames[index]), moved[index]);
        using CheckpointConverter converter = CheckpointConverter.Open(
            path,
            new ConversionOptions { VisionTowerFolders = isOneFolder ? [elsewhere] : [.. moved.Reverse()] }
        );
        using CheckpointConverter plain = CheckpointConverter.Open(Goldens.Folder("cambrian-8b"));
        Assert.Equal(
            plain.Projector!.Tensors.Select(static tensor => (tensor.Name, tensor.Source)).Order(),
            converter.Projector!.Tensors.Select(static tensor => (tensor.Name, tensor.Source)).Order()
        );
    }

    // timm's names, which are open_clip's without a prefix, and transformers'.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_convnext_is_read_in_other_layouts(bool isTransformers)
    {
        string path = Copy(),
            file = Path.Combine(path, TowerNames[3], "open_clip_model.safetensors");
        (string, string)[] names = !isTransformers
            ? [("visual.trunk.", "")]
            :
            [
                ("visual.trunk.", ""),
                ("stem.0.", "embeddings.patch_embeddings."),
                ("stem.1.", "embeddings.layernorm."),
                ("stages.", "encoder.stages."),
                (".downsample.", ".downsampling_layer."),
                (".blocks.", ".layers."),
                (".conv_dw.", ".dwconv."),
                (".norm.", ".layernorm."),
                (".mlp.fc1.", ".pwconv1."),
                (".mlp.fc2.", ".pwconv2."),
                (".gamma", ".layer_scale_parameter"),
            ];
        Rename(file, names);
        using CheckpointConverter converter = CheckpointConverter.Open(path);
        using CheckpointConverter plain = CheckpointConverter.Open(Goldens.Folder("cambrian-8b"));
        Assert.Equal(
            plain.Projector!.Tensors.Select(static tensor => (tensor.Name, tensor.Bytes)).Order(),
            converter.Projector!.Tensors.Select(static tensor => (tensor.Name, tensor.Bytes)).Order()
        );
    }

    [Theory]
    [InlineData("ViT-SO400M-14-SigLIP-384", "siglip/CLIP-ViT-SO400M-14-384")]
    [InlineData("dinov2-giant", "facebook/dinov2-giant-res98")]
    public void A_missing_tower_is_named(string tower, string name)
    {
        string path = Copy();
        Directory.Delete(Path.Combine(path, tower), recursive: true);
        Assert.Contains(name, Fail(path), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mm_projector_type", "\"mlp\"", "mm_projector_type is not 'sva'")]
    [InlineData("query_num_list", "[36, 36]", "query_num_list")]
    [InlineData("num_of_vision_sampler_layers", "3", "reach beyond its 4 blocks")]
    [InlineData("mm_vision_tower_aux_token_len_list", "[36, 36, 36, 100]", "no squares of multiples")]
    [InlineData("mm_vision_tower_aux_list", "[\"a\", \"b\", \"c\", \"d\"]", "none of those of Cambrian's")]
    public void What_cannot_be_is_one_sentence(string key, string value, string reason)
    {
        string path = Copy(),
            file = Path.Combine(path, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        config[key] = JsonNode.Parse(value);
        File.WriteAllText(file, config.ToJsonString());
        Assert.Contains(reason, Fail(path), StringComparison.Ordinal);
    }

    // transformers stretched DINOv2's positions by a little more until 4.46.
    [Fact]
    public async Task Positions_are_stretched_as_the_version_did_that_the_checkpoint_was_saved_with()
    {
        string path = Copy(),
            file = Path.Combine(path, "config.json");
        float[] now = await PositionsAsync(path, "now");
        File.WriteAllText(file, File.ReadAllText(file).Replace("5.12.0", "4.37.0", StringComparison.Ordinal));
        float[] then = await PositionsAsync(path, "then");
        const int Width = 64;
        Assert.Equal(now[..Width], then[..Width]);
        Assert.NotEqual(now, then);
    }

    // Other names in a safetensors file; what does not belong to the trunk is dropped.
    private static void Rename(string path, (string From, string To)[] names)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int length = (int)BitConverter.ToInt64(bytes, 0);
        JsonObject header = JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject();
        var renamed = new JsonObject();
        foreach ((string name, JsonNode? value) in header)
        {
            string own = names.Aggregate(name, static (text, pair) => text.Replace(pair.From, pair.To, StringComparison.Ordinal));
            if (name.StartsWith("visual.trunk.", StringComparison.Ordinal))
                renamed[own] = value!.DeepClone();
        }

        byte[] text = System.Text.Encoding.UTF8.GetBytes(renamed.ToJsonString());
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)text.Length), .. text, .. bytes.AsSpan(8 + length)]);
    }

    private async Task<float[]> PositionsAsync(string path, string name)
    {
        using CheckpointConverter converter = CheckpointConverter.Open(
            path,
            new ConversionOptions { OutputFolder = folder.File("out"), Name = name }
        );
        await converter.ConvertAsync();
        using GgufFile projector = GgufFile.Open(converter.Projector!.Path);
        Assert.True(projector.TryGetTensor("v.2.position_embd.weight", out GgufTensor? tensor));
        return System
            .Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(projector.GetTensorData(tensor!, 0, (int)tensor!.ByteLength))
            .ToArray();
    }

    private static string Fail(string path)
    {
        CheckpointException failure = Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path));
        Assert.DoesNotContain('\n', failure.Message);
        return failure.Message;
    }

    private string Copy()
    {
        string target = folder.File("cambrian-8b"),
            source = Goldens.Folder("cambrian-8b");
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(target, Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return target;
    }
}
