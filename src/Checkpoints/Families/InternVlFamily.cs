using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// InternVL 1.5, 2, 2.5 and 3, in the authors' layout (OpenGVLab) and transformers' (-hf). Names and keys: ggml-org/llama.cpp v0.5.0,
/// conversion/internvl.py and gguf-py/gguf/tensor_mapping.py; docs/gguf.md.
/// </summary>
internal sealed class InternVlFamily(Settings config) : CheckpointFamily
{
    private static readonly float[] Mean = [0.485f, 0.456f, 0.406f],
        Deviation = [0.229f, 0.224f, 0.225f];
    private readonly bool isAuthors = config.Has("llm_config");

    public override string Name => "InternVL";

    public static bool Recognises(Settings config) =>
        config.TryText("model_type") is "internvl_chat" or "internvl" && config.Has("vision_config");

    public override Settings LanguageConfig(Settings config) =>
        Settings.Merge(
            config.Child(isAuthors ? "llm_config" : "text_config") ?? throw new CheckpointException(config.Path, "llm_config is missing."),
            LlavaFamily.Without(config, "architectures", "model_type")
        );

    public override (Side Side, string Name) Place(string name)
    {
        foreach (string prefix in (ReadOnlySpan<string>)["vision_model.", "model.vision_tower.", "vision_tower."])
            if (name.TryAfter(prefix, out string inner))
                return (Side.Vision, "tower." + inner);
        if (name.TryAfter("mlp1.", out string layer))
            return (Side.Vision, "connector." + layer);
        foreach (string prefix in (ReadOnlySpan<string>)["model.multi_modal_projector.", "multi_modal_projector."])
        {
            if (!name.TryAfter(prefix, out string part))
                continue;
            return (
                Side.Vision,
                part.Replace("layer_norm.", "connector.0.", StringComparison.Ordinal)
                    .Replace("linear_1.", "connector.1.", StringComparison.Ordinal)
                    .Replace("linear_2.", "connector.3.", StringComparison.Ordinal)
            );
        }

        return Names.TryLanguage(name, out string language) ? (Side.Language, language) : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        Settings vision = config.Child("vision_config")!;
        double ratio = config.TryNumber("downsample_ratio") ?? 0.5;
        long shuffle = ratio is > 0.01 and <= 1 ? (long)(1 / ratio) : throw config.Wrong("downsample_ratio", "within 0 to 1");
        long blocks = vision.Size("num_hidden_layers");
        double layer = config.TryNumber("select_layer", "vision_feature_layer") ?? -1;
        long used = layer < 0 ? blocks + 1 + (long)layer : (long)layer;
        if (used < 1 || used > blocks)
            throw new CheckpointException(config.Path, $"select_layer {layer} is not one of the tower's {blocks} blocks.");
        long width = vision.Size("hidden_size"),
            side = vision.Size("image_size") / vision.Size("patch_size");
        var metadata = new Metadata();
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.projector_type", "internvl");
        metadata.Set("clip.vision.projection_dim", source.LanguageWidth);
        metadata.Set("clip.vision.image_size", vision.Size("image_size"));
        metadata.Set("clip.vision.patch_size", vision.Size("patch_size"));
        metadata.Set("clip.vision.embedding_length", width);
        metadata.Set("clip.vision.feed_forward_length", vision.Size("intermediate_size"));
        metadata.Set("clip.vision.block_count", used);
        metadata.Set("clip.vision.attention.head_count", vision.Size("num_attention_heads"));
        metadata.Set("clip.vision.image_mean", TowerConfig.Colour(source, "image_mean", Mean));
        metadata.Set("clip.vision.image_std", TowerConfig.Colour(source, "image_std", Deviation));
        metadata.Set("clip.vision.attention.layer_norm_epsilon", vision.TryNumber("layer_norm_eps") ?? 1e-6);
        string activation = vision.TryText("hidden_act") ?? "gelu";
        metadata.Set(
            activation == "silu" ? "clip.use_silu" : "clip.use_gelu",
            activation is "gelu" or "silu"
                ? true
                : throw new CheckpointException(config.Path, $"the tower's activation '{CheckpointFolder.Shown(activation)}' is not known.")
        );
        metadata.Set("clip.vision.projector.scale_factor", shuffle);
        SetTiles(metadata, source);
        // Before version 2 the shuffled tokens left column by column; the class's own default is version 1.
        if (isAuthors && config.TryText("ps_version") is null or "v1")
            metadata.Set("clip.vision.projector.token_order", "column");
        var dimensions = new Dimensions(
            ('E', width),
            ('I', vision.Size("intermediate_size")),
            ('S', vision.Size("patch_size")),
            ('C', 3),
            ('P', side * side + 1),
            ('H', source.LanguageWidth),
            ('W', 3 * width),
            ('M', width * shuffle * shuffle)
        );
        return new VisionModel(
            metadata,
            isAuthors ? AuthorsRules(width, side * side + 1) : TransformersRules(width, side * side + 1),
            dimensions,
            used
        );
    }

    private void SetTiles(Metadata metadata, VisionSource source)
    {
        Settings? processor = isAuthors ? config : source.Processor;
        if (processor?.TryCount("min_dynamic_patch", "min_patches") is > 0 and long least)
            metadata.Set("clip.vision.preproc_min_tiles", least);
        if (processor?.TryCount("max_dynamic_patch", "max_patches") is > 0 and long most)
            metadata.Set("clip.vision.preproc_max_tiles", most);
    }

    private static TensorRule[] AuthorsRules(long width, long positions) =>
        [
            .. Connector,
            new("tower.embeddings.class_embedding", "v.class_embd", "") { IsWhole = true, Change = values => values.Reshape(width) },
            new("tower.embeddings.position_embedding", "v.position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(positions, width),
            },
            new("tower.embeddings.patch_embedding", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.encoder.layers.{}.attn.qkv", "", "WE") { Split = values => Split(values, width) },
            .. Blocks("tower.encoder.layers.{}.", "attn.proj", "attn.q_norm", "attn.k_norm", "norm1", "norm2", "ls1", "ls2"),
        ];

    private static TensorRule[] TransformersRules(long width, long positions) =>
        [
            .. Connector,
            new("tower.embeddings.cls_token", "v.class_embd", "") { IsWhole = true, Change = values => values.Reshape(width) },
            new("tower.embeddings.position_embeddings", "v.position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(positions, width),
            },
            new("tower.embeddings.patch_embeddings.projection", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.encoder.layer.{}.attention.q_proj", "v.blk.{}.attn_q", "EE"),
            new("tower.encoder.layer.{}.attention.k_proj", "v.blk.{}.attn_k", "EE"),
            new("tower.encoder.layer.{}.attention.v_proj", "v.blk.{}.attn_v", "EE"),
            .. Blocks(
                "tower.encoder.layer.{}.",
                "attention.projection_layer",
                "attention.q_norm",
                "attention.k_norm",
                "layernorm_before",
                "layernorm_after",
                "lambda_1",
                "lambda_2"
            ),
        ];

    private static TensorRule[] Connector =>
        [new("connector.0", "mm.model.mlp.0", "M"), new("connector.1", "mm.model.mlp.1", "HM"), new("connector.3", "mm.model.mlp.3", "HH")];

    private static TensorRule[] Blocks(
        string prefix,
        string output,
        string queryNorm,
        string keyNorm,
        string norm1,
        string norm2,
        string scale1,
        string scale2
    ) =>
        [
            new(prefix + output, "v.blk.{}.attn_out", "EE"),
            new(prefix + queryNorm, "v.blk.{}.attn_q_norm", "E") { IsOptional = true },
            new(prefix + keyNorm, "v.blk.{}.attn_k_norm", "E") { IsOptional = true },
            new(prefix + norm1, "v.blk.{}.ln1", "E"),
            new(prefix + norm2, "v.blk.{}.ln2", "E"),
            new(prefix + scale1, "v.blk.{}.ls1.weight", "E") { IsWhole = true },
            new(prefix + scale2, "v.blk.{}.ls2.weight", "E") { IsWhole = true },
            new(prefix + "mlp.fc1", "v.blk.{}.ffn_up", "IE"),
            new(prefix + "mlp.fc2", "v.blk.{}.ffn_down", "EI"),
        ];

    private static IEnumerable<(string Target, TensorValues Values)> Split(TensorValues values, long width)
    {
        yield return ("v.blk.{}.attn_q", values.Slice(0, width));
        yield return ("v.blk.{}.attn_k", values.Slice(width, width));
        yield return ("v.blk.{}.attn_v", values.Slice(2 * width, width));
    }
}
