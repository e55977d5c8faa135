using System.Text.Json;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// EVA-CLIP's ViT-g as BLIP-2 and its kin have it: its dimensions, keys and tensors. Names: huggingface/transformers v5.12,
/// models/blip_2/modeling_blip_2.py; docs/gguf.md.
/// </summary>
internal sealed class EvaTower
{
    // Blip2VisionConfig's own; the authors' code says the same (salesforce/LAVIS, lavis/models/eva_vit.py, create_eva_vit_g).
    private const string Defaults = """
        {"hidden_size":1408,"intermediate_size":6144,"num_hidden_layers":39,"num_attention_heads":16,"image_size":224,"patch_size":14,
         "hidden_act":"gelu","layer_norm_eps":1e-6}
        """;

    private static readonly float[] Mean = [0.48145466f, 0.4578275f, 0.40821073f],
        Deviation = [0.26862954f, 0.26130258f, 0.27577711f];
    private readonly Settings vision;

    /// <param name="config">The tower's configuration, which may leave out what its class says.</param>
    public EvaTower(Settings config)
    {
        vision = Settings.Merge(config, new Settings(config.Path, JsonDocument.Parse(Defaults).RootElement));
        if (vision.TryText("hidden_act") is not "gelu")
            throw new CheckpointException(
                config.Path,
                $"the tower's activation '{CheckpointFolder.Shown(vision.TryText("hidden_act") ?? "none")}' is not known."
            );
        Width = vision.Size("hidden_size");
        BlockCount = vision.Size("num_hidden_layers");
    }

    public long Width { get; }

    public long BlockCount { get; }

    private long PositionCount
    {
        get
        {
            long side = vision.Size("image_size") / vision.Size("patch_size");
            return side * side + 1;
        }
    }

    /// <summary>The letters of the rules' shapes: width, feed-forward, patch side, colours, positions, and the width of q, k and v in
    /// one.</summary>
    public (char, long)[] Letters =>
        [
            ('E', Width),
            ('I', vision.Size("intermediate_size")),
            ('S', vision.Size("patch_size")),
            ('C', 3),
            ('P', PositionCount),
            ('W', 3 * Width),
        ];

    /// <summary>Sets the tower's keys.</summary>
    public void SetKeys(Metadata metadata, VisionSource source)
    {
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.vision.projection_dim", source.LanguageWidth);
        metadata.Set("clip.vision.image_size", vision.Size("image_size"));
        metadata.Set("clip.vision.patch_size", vision.Size("patch_size"));
        metadata.Set("clip.vision.embedding_length", Width);
        metadata.Set("clip.vision.feed_forward_length", vision.Size("intermediate_size"));
        metadata.Set("clip.vision.block_count", BlockCount);
        metadata.Set("clip.vision.attention.head_count", vision.Size("num_attention_heads"));
        metadata.Set("clip.vision.attention.layer_norm_epsilon", vision.Number("layer_norm_eps"));
        metadata.Set("clip.vision.image_mean", TowerConfig.Colour(source, "image_mean", Mean));
        metadata.Set("clip.vision.image_std", TowerConfig.Colour(source, "image_std", Deviation));
        metadata.Set("clip.use_gelu", true);
    }

    /// <summary>The tensors, named <c>tower.*</c> as in transformers.</summary>
    public TensorRule[] Rules() =>
        [
            new("tower.embeddings.class_embedding", "v.class_embd", "") { IsWhole = true, Change = values => values.Reshape(Width) },
            new("tower.embeddings.position_embedding", "v.position_embd.weight", "")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(PositionCount, Width),
            },
            new("tower.embeddings.patch_embedding", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.post_layernorm", "v.post_ln", "E"),
            Block("self_attn.qkv", "attn_qkv", "WE"),
            Block("self_attn.projection", "attn_out", "EE"),
            Block("layer_norm1", "ln1", "E"),
            Block("layer_norm2", "ln2", "E"),
            Block("mlp.fc1", "ffn_up", "IE"),
            Block("mlp.fc2", "ffn_down", "EI"),
        ];

    private static TensorRule Block(string source, string target, string shape) =>
        new($"tower.encoder.layers.{{}}.{source}", $"v.blk.{{}}.{target}", shape);
}
