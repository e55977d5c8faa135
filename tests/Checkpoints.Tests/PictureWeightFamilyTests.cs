using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>What the configurations of CogVLM and mPLUG-Owl2 decide, and what is said where it cannot be.</summary>
public sealed class PictureWeightFamilyTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("chat", null)]
    [InlineData("vqa", "vqa")]
    [InlineData("base", "base")]
    public async Task The_wording_is_the_configuration_s(string version, string? wording)
    {
        string path = folder.Copy("cogvlm");
        Change(path, config => config["template_version"] = version);
        using CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = folder.File("out") });
        await converter.ConvertAsync();
        using GgufFile projector = GgufFile.Open(converter.Projector!.Path);
        Assert.Equal(wording, projector.Metadata.TryGetString("clip.cogvlm.wording", out string? given) ? given : null);
    }

    // CogVLM2's class turns by its own base whatever the configuration says, and CogVLM's by the usual one.
    [Theory]
    [InlineData("cogvlm", null)]
    [InlineData("cogvlm2", 500_000f)]
    public async Task The_rotation_is_the_class_s(string checkpoint, float? expected)
    {
        string path = folder.Copy(checkpoint);
        Change(path, static config => config["rope_theta"] = 1234.0);
        using CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = folder.File("out") });
        await converter.ConvertAsync();
        using GgufFile language = GgufFile.Open(converter.Model.Path);
        Assert.Equal(expected, language.Metadata.TryGetSingle("cogvlm.rope.freq_base", out float given) ? given : null);
    }

    [Theory]
    [InlineData("cogvlm", "template_version", "\"chatty\"", "template_version is not chat, vqa, base")]
    [InlineData("cogvlm", "hidden_act", "\"gelu\"", "hidden_act is not silu")]
    [InlineData("cogvlm", "num_multi_query_heads", "4", "tensor 'model.vision.conv.weight' is missing")]
    [InlineData("cogvlm2", "num_multi_query_heads", "4", "query_key_value.weight' has the shape")]
    [InlineData("mplug-owl2", "attention_bias", "true", "attention_bias is not false")]
    [InlineData("mplug-owl2", "visual_config", "{\"visual_abstractor\":{\"hidden_size\":32}}", "another hidden_size than the tower")]
    [InlineData("mplug-owl2", "model_type", "\"mplug_owl2_1\"", "mplug_owl2_1")]
    public void What_is_not_supported_is_named(string checkpoint, string key, string value, string message)
    {
        string path = folder.Copy(checkpoint);
        Change(path, config => config[key] = JsonNode.Parse(value));
        Assert.Contains(
            message,
            Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path)).Message,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(
        "layers.1.mlp.vision_mlp.up_proj.",
        "layers.1.mlp.vision_mlp.u_____.",
        "tensor 'model.layers.1.mlp.vision_mlp.up_proj.weight'"
    )]
    [InlineData("layers.0.self_attn.vision_expert_dense", "layers.0.self_attn.vision_expert_den__", "vision_expert_dense.weight'")]
    public void Weights_for_pictures_that_are_missing_are_named(string name, string instead, string message)
    {
        string path = folder.Copy("cogvlm2"),
            file = Path.Combine(path, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(file);
        int at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(name));
        Encoding.UTF8.GetBytes(instead.PadRight(name.Length, '_')[..name.Length]).CopyTo(bytes, at);
        File.WriteAllBytes(file, bytes);
        string failure = Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path)).Message;
        Assert.Contains(message, failure, StringComparison.Ordinal);
        Assert.Contains("is missing", failure, StringComparison.Ordinal);
    }

    // Older converters of the authors leave out what follows from the configuration.
    [Fact]
    public async Task Positions_that_a_checkpoint_leaves_out_are_computed()
    {
        string path = folder.Copy("mplug-owl2");
        foreach (string file in Directory.EnumerateFiles(path, "pytorch_model*"))
        {
            byte[] bytes = File.ReadAllBytes(file);
            foreach (string name in (string[])["attention.q_pos_embed", "attention.k_pos_embed"])
                for (int at; (at = bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(name))) >= 0; )
                    // A table that no file needs.
                    Encoding.UTF8.GetBytes("__rotary_emb.inv_freq").CopyTo(bytes, at);
            File.WriteAllBytes(file, bytes);
        }

        using CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = folder.File("out") });
        await converter.ConvertAsync();
        using GgufFile made = GgufFile.Open(converter.Projector!.Path),
            golden = GgufFile.Open(Engine.Tests.RepositoryRoot.Path("tests", "goldens", "mplug-owl2", "mplug-owl2", "mmproj-f16.gguf"));
        foreach (string name in (string[])["abstractor.blk.0.query_pos", "abstractor.blk.1.key_pos"])
        {
            float[] values = Values(made, name),
                expected = Values(golden, name);
            Assert.Equal(expected.Length, values.Length);
            // The golden's are rounded to half precision.
            Assert.All(values.Zip(expected), static pair => Assert.Equal(pair.Second, pair.First, tolerance: 5e-4f));
        }
    }

    private static float[] Values(GgufFile file, string name)
    {
        Assert.True(file.TryGetTensor(name, out GgufTensor? tensor));
        return MemoryMarshal.Cast<byte, float>(file.GetTensorData(tensor!, 0, (int)tensor!.ByteLength)).ToArray();
    }

    private static void Change(string path, Action<JsonObject> change)
    {
        string file = Path.Combine(path, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        change(config);
        File.WriteAllText(file, config.ToJsonString());
    }
}
