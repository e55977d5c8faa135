using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// GLM-4V-9B as released (THUDM/glm-4v-9b: config.json, modeling_chatglm.py, visual.py). Keys and names: docs/gguf.md.
/// </summary>
internal sealed class Glm4vFamily(Settings config) : CheckpointFamily
{
    // tokenization_chatglm.py, apply_chat_template: CLIP's.
    private static readonly float[] Mean = [0.48145466f, 0.4578275f, 0.40821073f],
        Deviation = [0.26862954f, 0.26130258f, 0.27577711f];

    public override string Name => "GLM-4V";

    // What the tokenizer's class writes, not its template, is how the authors word prompts.
    public override bool KeepsChatTemplate => false;

    public static bool Recognises(Settings config) => config.TryText("model_type") == "chatglm" && config.Has("vision_config");

    public override Settings LanguageConfig(Settings config) =>
        Settings.Merge(
            new Settings(
                config.Path,
                JsonDocument.Parse($$"""{"model_type":"{{LanguageArchitectures.PlacedGlm}}","architectures":[]}""").RootElement
            ),
            config
        );

    public override (Side Side, string Name) Place(string name) =>
        name.TryAfter("transformer.vision.", out string vision) ? (Side.Vision, vision) : (Side.Language, name);

    public override VisionModel ReadVision(VisionSource source)
    {
        Settings vision = config.Child("vision_config")!;
        long width = vision.Size("hidden_size"),
            blocks = vision.Size("num_hidden_layers");
        if (vision.TryText("hidden_act") is { } activation and not "gelu")
            throw new CheckpointException(config.Path, $"the tower's activation '{CheckpointFolder.Shown(activation)}' is not known.");
        var metadata = new Metadata();
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.projector_type", "adapter_eva");
        metadata.Set("clip.use_gelu", true);
        metadata.Set("clip.vision.image_size", vision.Size("image_size"));
        metadata.Set("clip.vision.patch_size", vision.Size("patch_size"));
        metadata.Set("clip.vision.embedding_length", width);
        metadata.Set("clip.vision.feed_forward_length", vision.Size("intermediate_size"));
        metadata.Set("clip.vision.projection_dim", source.LanguageWidth);
        metadata.Set("clip.vision.block_count", blocks);
        metadata.Set("clip.vision.attention.head_count", vision.Size("num_heads", "num_attention_heads"));
        metadata.Set("clip.vision.attention.layer_norm_epsilon", vision.TryNumber("layer_norm_eps") ?? 1e-6);
        metadata.Set("clip.vision.image_mean", TowerConfig.Colour(source, "image_mean", Mean));
        metadata.Set("clip.vision.image_std", TowerConfig.Colour(source, "image_std", Deviation));
        metadata.Set("clip.vision.projector.output_divisor", vision.TryNumber("scaling_factor") ?? 8);
        var dimensions = new Dimensions(
            ('E', width),
            ('I', vision.Size("intermediate_size")),
            ('S', vision.Size("patch_size")),
            ('K', 2),
            ('O', 1),
            ('C', 3),
            ('P', vision.Size("num_positions")),
            ('W', 3 * width),
            ('H', source.LanguageWidth),
            ('F', config.Size("ffn_hidden_size"))
        );
        return new VisionModel(metadata, [.. Tower(width), .. Connector(source.LanguageWidth, width)], dimensions, blocks);
    }

    private static TensorRule[] Tower(long width) =>
        [
            new("patch_embedding.proj", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("patch_embedding.cls_embedding", "v.class_embd", "OE") { IsWhole = true, Change = values => values.Reshape(width) },
            new("patch_embedding.position_embedding", "v.position_embd", "PE") { IsFull = true },
            new("transformer.layers.{}.input_layernorm", "v.blk.{}.ln1", "E"),
            new("transformer.layers.{}.post_attention_layernorm", "v.blk.{}.ln2", "E"),
            new("transformer.layers.{}.attention.query_key_value", "v.blk.{}.attn_qkv", "WE"),
            new("transformer.layers.{}.attention.dense", "v.blk.{}.attn_out", "EE"),
            new("transformer.layers.{}.mlp.fc1", "v.blk.{}.ffn_up", "IE"),
            new("transformer.layers.{}.mlp.fc2", "v.blk.{}.ffn_down", "EI"),
        ];

    private static TensorRule[] Connector(long languageWidth, long width) =>
        [
            // [outputs, inputs, 2, 2] as a matrix over the four patches of a square.
            new("conv.weight", "adapter.conv.weight", "HEKK")
            {
                IsWhole = true,
                Change = values => Convolution(values).Reshape(languageWidth, 4 * width),
            },
            new("conv.bias", "adapter.conv.bias", "H") { IsWhole = true },
            new("linear_proj.linear_proj", "adapter.linear.linear", "HH"),
            new("linear_proj.norm1", "adapter.linear.norm1", "H"),
            new("linear_proj.gate_proj", "adapter.linear.gate", "FH"),
            new("linear_proj.dense_h_to_4h", "adapter.linear.dense_h_to_4h", "FH"),
            new("linear_proj.dense_4h_to_h", "adapter.linear.dense_4h_to_h", "HF"),
            new("boi", "adapter.boi", "OOH") { IsWhole = true, Change = values => values.Reshape(languageWidth) },
            new("eoi", "adapter.eoi", "OOH") { IsWhole = true, Change = values => values.Reshape(languageWidth) },
        ];

    private static TensorValues Convolution(TensorValues values) => values.Permute(0, 2, 3, 1);
}
