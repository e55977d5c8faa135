using System.Text.Json.Nodes;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>What a LLaVA's configuration can ask for that is not done is said; what it leaves out is its class's default.</summary>
public sealed class LlavaFamilyTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("llava-1.5-hf", "vision_feature_select_strategy", "\"full\"", "'full' is not supported with CLIP")]
    [InlineData("llava-interleave-hf", "vision_feature_select_strategy", "\"default\"", "'default' is not supported with SigLIP")]
    [InlineData("llava-1.5-hf", "vision_feature_layer", "[-2, -3]", "several layers")]
    [InlineData("llava-1.5-hf", "vision_feature_layer", "-9", "not one of the tower's 4 blocks")]
    [InlineData("llava-1.6-hf", "projector_hidden_act", "\"relu\"", "projector_hidden_act is 'relu'")]
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

    [Fact]
    public void A_text_side_that_names_no_type_is_of_the_classes_default()
    {
        string llama = folder.Copy("llava-1.5-hf"),
            qwen = folder.Copy("llava-onevision-hf");
        foreach (string path in (string[])[llama, qwen])
            Change(path, static config => config["text_config"]!.AsObject().Remove("model_type"));
        using CheckpointConverter first = CheckpointConverter.Open(llama),
            second = CheckpointConverter.Open(qwen);
        Assert.Equal(("llama", "qwen2"), (first.Architecture, second.Architecture));
    }

    [Theory]
    [InlineData("phi3", "Phi-3-mini", false, "Phi 3-mini")]
    [InlineData("phi3", "mine", false, "mine")]
    [InlineData("chatglm", "phi3", false, "phi 3")]
    [InlineData("chatglm", "Phi-3-mini", true, "Phi-3-mini")]
    public async Task A_name_says_Phi_3_only_where_its_tokens_are(string checkpoint, string name, bool strips, string written)
    {
        string path = folder.Copy(checkpoint),
            file = Path.Combine(path, "tokenizer_config.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(file))!;
        foreach ((_, JsonNode? token) in config["added_tokens_decoder"]!.AsObject())
            token!["rstrip"] = strips;
        File.WriteAllText(file, config.ToJsonString());
        using CheckpointConverter converter = CheckpointConverter.Open(
            path,
            new ConversionOptions { OutputFolder = folder.File("out"), Name = name }
        );
        await converter.ConvertAsync();
        using GgufFile made = GgufFile.Open(converter.Model.Path);
        Assert.Equal(written, made.Metadata.RequireString("general.name"));
    }

    private static void Change(string path, Action<JsonObject> change)
    {
        string file = Path.Combine(path, "config.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        change(json);
        File.WriteAllText(file, json.ToJsonString());
    }
}
