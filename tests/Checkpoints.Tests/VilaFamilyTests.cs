using System.Text.Json.Nodes;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>What a VILA checkpoint's configuration decides, and what is said where it cannot be.</summary>
public sealed class VilaFamilyTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_template_that_the_authors_never_used_is_left_out_and_nvilas_is_kept()
    {
        const string Template = "{{ messages }}";
        string old = folder.Copy("vila-1.5-3b"),
            later = folder.Copy("nvila");
        foreach (string path in (string[])[old, later])
            Change(Path.Combine(path, "llm", "tokenizer_config.json"), config => config["chat_template"] = Template);
        using GgufFile without = await ConvertLanguage(old),
            with = await ConvertLanguage(later);
        Assert.False(without.Metadata.ContainsKey("tokenizer.chat_template"));
        Assert.Equal(Template, with.Metadata.RequireString("tokenizer.chat_template"));
    }

    [Fact]
    public async Task Each_source_is_recorded_with_its_folder()
    {
        using GgufFile file = await ConvertLanguage(folder.Copy("vila-1.5-3b"));
        string[] names =
        [
            .. file
                .Metadata.Where(static entry =>
                    entry.Key.StartsWith("tessera.source.", StringComparison.Ordinal)
                    && entry.Key.EndsWith(".name", StringComparison.Ordinal)
                )
                .Select(static entry => entry.Value.ToString()!),
        ];
        foreach (string part in (string[])["llm", "vision_tower", "mm_projector"])
            Assert.Contains(names, name => name.Contains($"{part}/model.safetensors", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("s2_resize_output_to_scale_idx", "0", "s2_resize_output_to_scale_idx is 0")]
    [InlineData("s2_scales", "\"112,224\"", "s2_scales and s2_max_split_size must begin with the tower's size, 56")]
    [InlineData("s2_scales", "\"56,90\"", "s2_scales is not a list of multiples")]
    [InlineData("image_aspect_ratio", "\"pad\"", "image_aspect_ratio is 'pad'")]
    [InlineData("image_aspect_ratio", "\"resize\"", "contradict each other")]
    [InlineData("mm_vision_select_layer", "9", "mm_vision_select_layer 9 is not one of the tower's 3 blocks")]
    [InlineData("mm_vision_select_feature", "\"patch\"", "mm_vision_select_feature 'patch' is not known")]
    public void What_is_not_supported_is_named(string key, string value, string message)
    {
        string path = folder.Copy("nvila");
        Change(Path.Combine(path, "config.json"), config => config[key] = JsonNode.Parse(value));
        Assert.Contains(
            message,
            Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_part_that_is_missing_is_named()
    {
        string path = folder.Copy("vila-1.5-3b");
        Directory.Delete(Path.Combine(path, "mm_projector"), recursive: true);
        Assert.Contains(
            "mm_projector",
            Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void A_projector_that_is_not_known_is_named()
    {
        string path = folder.Copy("nvila");
        Change(Path.Combine(path, "mm_projector", "config.json"), static config => config["mm_projector_type"] = "mlp_downsample_3x3_s2");
        Assert.Contains(
            "'mlp_downsample_3x3_s2'",
            Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path)).Message,
            StringComparison.Ordinal
        );
    }

    private static void Change(string path, Action<JsonObject> change)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }

    private async Task<GgufFile> ConvertLanguage(string path)
    {
        using CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = folder.Path });
        await converter.ConvertAsync();
        return GgufFile.Open(converter.Model.Path);
    }
}
