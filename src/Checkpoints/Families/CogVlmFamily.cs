using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// CogVLM and CogVLM2 as released (THUDM/cogvlm-chat-hf, cogvlm2-llama3-chat-19B: config.json, modeling_cogvlm.py, visual.py). Names as
/// ggml-org/llama.cpp v0.5.0's converter gives them, gguf-py/gguf/tensor_mapping.py; what it lacks: docs/gguf.md.
/// </summary>
internal sealed class CogVlmFamily(Settings config) : CheckpointFamily
{
    // modeling_cogvlm.py, build_conversation_input_ids: CLIP's.
    private static readonly float[] Mean = [0.48145466f, 0.4578275f, 0.40821073f],
        Deviation = [0.26862954f, 0.26130258f, 0.27577711f];

    // Of the classes whose defaults these are, and of vision_config as released.
    private const string Chat = "chat";
    private static readonly string[] Wordings = [Chat, "vqa", "base"];

    public override string Name => CogVlmArchitecture.IsSecond(config) ? "CogVLM2" : "CogVLM";

    // The tokenizer is Vicuna's or Llama 3's, whose template is not how the authors word prompts.
    public override bool KeepsChatTemplate => false;

    public static bool Recognises(Settings config) =>
        config.Texts("architectures").Contains("CogVLMForCausalLM") && config.Has("vision_config");

    public override Settings LanguageConfig(Settings config) =>
        Settings.Merge(
            new Settings(
                config.Path,
                JsonDocument
                    .Parse(
                        CogVlmArchitecture.IsSecond(config)
                            ? $$"""{"model_type":"{{LanguageArchitectures.CogVlm2}}","architectures":[]}"""
                            : $$"""{"model_type":"{{LanguageArchitectures.CogVlm}}","architectures":[]}"""
                    )
                    .RootElement
            ),
            config
        );

    public override (Side Side, string Name) Place(string name) =>
        name.TryAfter("model.vision.", out string vision) ? (Side.Vision, vision) : (Side.Language, name);

    public override VisionModel ReadVision(VisionSource source)
    {
        Settings vision = config.Child("vision_config")!;
        bool hasConvolution = source.Tensors.ContainsKey("conv.weight");
        long width = vision.Size("hidden_size"),
            blocks = vision.Size("num_hidden_layers"),
            image = vision.Size("image_size"),
            patch = vision.Size("patch_size");
        if (CogVlmArchitecture.IsSecond(config) != hasConvolution)
            throw new CheckpointException(
                config.Path,
                hasConvolution
                    ? "num_multi_query_heads is missing, which CogVLM2 has, but tensor 'model.vision.conv.weight' is there."
                    : "tensor 'model.vision.conv.weight' is missing, which CogVLM2 needs."
            );
        if (vision.TryText("hidden_act") is { } activation and not "gelu")
            throw new CheckpointException(config.Path, $"the tower's activation '{CheckpointFolder.Shown(activation)}' is not known.");
        string wording = config.TryText("template_version") ?? Chat;
        if (!Wordings.Contains(wording))
            throw config.Wrong("template_version", string.Join(", ", Wordings));
        var metadata = new Metadata();
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.projector_type", "cogvlm");
        metadata.Set("clip.use_gelu", true);
        metadata.Set("clip.vision.image_size", image);
        metadata.Set("clip.vision.patch_size", patch);
        metadata.Set("clip.vision.embedding_length", width);
        metadata.Set("clip.vision.feed_forward_length", vision.Size("intermediate_size"));
        metadata.Set("clip.vision.projection_dim", source.LanguageWidth);
        metadata.Set("clip.vision.block_count", blocks);
        metadata.Set("clip.vision.attention.head_count", vision.Size("num_heads", "num_attention_heads"));
        metadata.Set("clip.vision.attention.layer_norm_epsilon", vision.TryNumber("layer_norm_eps") ?? 1e-6);
        metadata.Set("clip.vision.image_mean", TowerConfig.Colour(source, "image_mean", Mean));
        metadata.Set("clip.vision.image_std", TowerConfig.Colour(source, "image_std", Deviation));
        if (wording != Chat)
            metadata.Set("clip.cogvlm.wording", wording);
        var dimensions = new Dimensions(
            ('E', width),
            ('I', vision.Size("intermediate_size")),
            ('S', patch),
            ('K', 2),
            ('O', 1),
            ('C', 3),
            ('P', vision.TryCount("num_positions") ?? (image / patch * (image / patch) + 1)),
            ('W', 3 * width),
            ('H', source.LanguageWidth),
            ('F', config.Size("intermediate_size"))
        );
        return new VisionModel(
            metadata,
            [.. Tower(width), .. Connector(source.LanguageWidth), .. hasConvolution ? Convolution(width) : []],
            dimensions,
            blocks
        );
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

    private static TensorRule[] Connector(long languageWidth) =>
        [
            new("linear_proj.linear_proj", "mm.model.fc", "HE"),
            new("linear_proj.norm1", "mm.post_fc_norm", "H"),
            new("linear_proj.gate_proj", "mm.gate", "FH"),
            new("linear_proj.dense_h_to_4h", "mm.up", "FH"),
            new("linear_proj.dense_4h_to_h", "mm.down", "HF"),
            new("boi", "v.boi", "OOH") { IsWhole = true, Change = values => values.Reshape(languageWidth) },
            new("eoi", "v.eoi", "OOH") { IsWhole = true, Change = values => values.Reshape(languageWidth) },
        ];

    // [outputs, inputs, 2, 2] as a matrix over the four patches of a square.
    private static TensorRule[] Convolution(long width) =>
        [
            new("conv.weight", "mm.conv.weight", "EEKK")
            {
                IsWhole = true,
                Change = values => values.Permute(0, 2, 3, 1).Reshape(width, 4 * width),
            },
            new("conv.bias", "mm.conv.bias", "E") { IsWhole = true },
        ];
}
