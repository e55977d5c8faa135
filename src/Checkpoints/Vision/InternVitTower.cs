using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// InternViT-300M or -6B: its dimensions, keys and tensors. Names: ggml-org/llama.cpp v0.5.0, conversion/internvl.py and
/// gguf-py/gguf/tensor_mapping.py.
/// </summary>
internal sealed class InternVitTower(Settings vision)
{
    private static readonly float[] Mean = [0.485f, 0.456f, 0.406f],
        Deviation = [0.229f, 0.224f, 0.225f];

    public long Width { get; } = vision.Size("hidden_size");

    public long BlockCount { get; } = vision.Size("num_hidden_layers");

    private long PatchCount =>
        vision.Size("image_size") / vision.Size("patch_size") * (vision.Size("image_size") / vision.Size("patch_size"));

    private long PositionCount => PatchCount + 1;

    /// <summary>The letters of the rules' shapes: width, feed-forward, patch side, colours, positions, the language model's width, and
    /// the width of q, k and v in one.</summary>
    public (char, long)[] Letters(long languageWidth) =>
        [
            ('E', Width),
            ('I', vision.Size("intermediate_size")),
            ('S', vision.Size("patch_size")),
            ('C', 3),
            ('P', PositionCount),
            ('H', languageWidth),
            ('W', 3 * Width),
        ];

    /// <summary>Sets the tower's keys.</summary>
    public void SetKeys(Metadata metadata, VisionSource source, long blockCount)
    {
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.vision.projection_dim", source.LanguageWidth);
        metadata.Set("clip.vision.image_size", vision.Size("image_size"));
        metadata.Set("clip.vision.patch_size", vision.Size("patch_size"));
        metadata.Set("clip.vision.embedding_length", Width);
        metadata.Set("clip.vision.feed_forward_length", vision.Size("intermediate_size"));
        metadata.Set("clip.vision.block_count", blockCount);
        metadata.Set("clip.vision.attention.head_count", vision.Size("num_attention_heads"));
        metadata.Set("clip.vision.image_mean", TowerConfig.Colour(source, "image_mean", Mean));
        metadata.Set("clip.vision.image_std", TowerConfig.Colour(source, "image_std", Deviation));
        metadata.Set("clip.vision.attention.layer_norm_epsilon", vision.TryNumber("layer_norm_eps") ?? 1e-6);
        string activation = vision.TryText("hidden_act") ?? "gelu";
        metadata.Set(
            activation == "silu" ? "clip.use_silu" : "clip.use_gelu",
            activation is "gelu" or "silu"
                ? true
                : throw new CheckpointException(vision.Path, $"the tower's activation '{CheckpointFolder.Shown(activation)}' is not known.")
        );
    }

    /// <summary>The tensors as OpenGVLab released them: q, k and v in one.</summary>
    public TensorRule[] AuthorsRules() =>
        [
            new("tower.embeddings.class_embedding", "v.class_embd", "") { IsWhole = true, Change = values => values.Reshape(Width) },
            new("tower.embeddings.position_embedding", "v.position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(PositionCount, Width),
            },
            new("tower.embeddings.patch_embedding", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.encoder.layers.{}.attn.qkv", "", "WE") { Split = values => Split(values, Width) },
            .. Blocks("tower.encoder.layers.{}.", "attn.proj", "attn.q_norm", "attn.k_norm", "norm1", "norm2", "ls1", "ls2"),
        ];

    /// <summary>The tensors as transformers names them.</summary>
    public TensorRule[] TransformersRules() =>
        [
            new("tower.embeddings.cls_token", "v.class_embd", "") { IsWhole = true, Change = values => values.Reshape(Width) },
            new("tower.embeddings.position_embeddings", "v.position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(PositionCount, Width),
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

    /// <summary>q, k and v of a block, which were stored as one.</summary>
    public static IEnumerable<(string Target, TensorValues Values)> Split(TensorValues values, long width)
    {
        yield return ("v.blk.{}.attn_q", values.Slice(0, width));
        yield return ("v.blk.{}.attn_k", values.Slice(width, width));
        yield return ("v.blk.{}.attn_v", values.Slice(2 * width, width));
    }
}
