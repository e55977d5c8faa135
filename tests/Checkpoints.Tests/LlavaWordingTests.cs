using System.Text.Json;
using System.Text.Json.Nodes;
using Tessera.ChatTemplates;
using Tessera.Checkpoints.Families;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tests;

/// <summary>
/// LLaVA's own checkpoints are worded as the authors' code words them: what is expected was printed by haotian-liu/LLaVA c121f04,
/// llava/conversation.py, for the same conversation.
/// </summary>
public sealed class LlavaWordingTests : IDisposable
{
    private const string Assistant =
        "You are a helpful language and vision assistant. You are able to understand the visual content that the user provides, and assist "
        + "the user with a variety of tasks using natural language.";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(
        "llava-llama-2-13b-chat",
        "",
        "LlavaLlamaForCausalLM",
        "[INST] <<SYS>>\n" + Assistant + "\n<</SYS>>\n\n<image>\nWhat? [/INST] A tile. </s><s>[INST] Why? [/INST]"
    )]
    [InlineData("any", "", "LlavaMistralForCausalLM", "[INST] <image>\nWhat? [/INST] A tile. </s>[INST] Why? [/INST]")]
    [InlineData(
        "llava-v1.6-34b",
        "<|im_start|>",
        "LlavaLlamaForCausalLM",
        "<|im_start|>system\nAnswer the questions.<|im_end|><|im_start|>user\n<image>\nWhat?<|im_end|><|im_start|>assistant\n"
            + "A tile.<|im_end|><|im_start|>user\nWhy?<|im_end|><|im_start|>assistant\n"
    )]
    [InlineData(
        "LLaVA-7b-v0",
        "",
        "LlavaLlamaForCausalLM",
        "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers "
            + "to the human's questions.###Human: <image>\nWhat?###Assistant: A tile.###Human: Why?###Assistant:"
    )]
    public void A_conversation_is_the_authors(string name, string token, string architecture, string expected) =>
        Assert.Equal(expected, Render(LlavaWording.Template(Config(architecture), name, text => text == token)!));

    [Fact]
    public void What_the_engine_writes_itself_needs_no_template() =>
        Assert.Null(LlavaWording.Template(Config("LlavaLlamaForCausalLM"), "llava-v1.5-7b", static _ => false));

    [Fact]
    public void A_class_token_that_is_kept_is_refused()
    {
        string path = folder.Copy("llava-1");
        string file = Path.Combine(path, "config.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(file))!;
        config["mm_vision_select_feature"] = "cls_patch";
        File.WriteAllText(file, config.ToJsonString());
        Assert.Contains(
            "mm_vision_select_feature is 'cls_patch'",
            Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(path)).Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_connector_of_two_layers_without_a_word_about_padding_crops()
    {
        string path = folder.Copy("llava-v1.5");
        folder.Copy("clip-vit-large-patch14-56");
        string file = Path.Combine(path, "config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        config.Remove("image_aspect_ratio");
        File.WriteAllText(file, config.ToJsonString());
        using CheckpointConverter converter = CheckpointConverter.Open(path, new ConversionOptions { OutputFolder = folder.Path });
        await converter.ConvertAsync();
        using GgufFile projector = GgufFile.Open(converter.Projector!.Path);
        Assert.Equal("square", projector.Metadata.RequireString("clip.vision.image_aspect_ratio"));
    }

    [Fact]
    public void A_tower_that_is_not_there_is_named()
    {
        string message = Assert.Throws<CheckpointException>(() => CheckpointConverter.Open(folder.Copy("llava-v1.5"))).Message;
        Assert.Contains("openai/clip-vit-large-patch14-56", message, StringComparison.Ordinal);
    }

    private static Settings Config(string architecture) =>
        new("config.json", JsonDocument.Parse($$"""{"architectures":["{{architecture}}"]}""").RootElement);

    private static string Render(string template)
    {
        ChatTemplateMessage[] messages =
        [
            new("user", [ChatTemplatePart.Image, new ChatTemplatePart("\nWhat?")]),
            new("assistant", "A tile."),
            new("user", "Why?"),
        ];
        var renderer = new ChatPromptRenderer(ChatTemplate.Parse(template, "test"), ["<image>"]);
        return string.Concat(
            renderer
                .Render(messages, addGenerationPrompt: true, "", "", new Dictionary<string, TemplateValue>())
                .Select(static segment => segment.Text ?? "<image>")
        );
    }
}
