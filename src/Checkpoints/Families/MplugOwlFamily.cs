using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// mPLUG-Owl 1 as released (MAGAer13/mplug-owl-llama-7b; X-PLUG/mPLUG-Owl, mPLUG-Owl/mplug_owl/modeling_mplug_owl.py and
/// configuration_mplug_owl.py). Keys and names: docs/gguf.md.
/// </summary>
internal sealed class MplugOwlFamily(Settings config) : CheckpointFamily
{
    private static readonly float[] Mean = [0.48145466f, 0.4578275f, 0.40821073f],
        Deviation = [0.26862954f, 0.26130258f, 0.27577711f];

    public override string Name => "mPLUG-Owl";

    // The authors' README words prompts, not a template.
    public override bool KeepsChatTemplate => false;

    public static bool Recognises(Settings config) =>
        config.TryText("model_type") is "mplug-owl" or "mplug_owl" && config.Has("visual_abstractor_config");

    public override Settings LanguageConfig(Settings config) =>
        Settings.Merge(
            config.Child("text_config") ?? throw new CheckpointException(config.Path, "text_config is missing."),
            LlavaFamily.Without(config, "architectures", "model_type")
        );

    public override (Side Side, string Name) Place(string name)
    {
        if (name.TryAfter("language_model.", out string language))
            return (Side.Language, language);
        if (name.TryAfter("vision_model.", out string tower))
            return (Side.Vision, "tower." + tower);
        return name == "query_tokens" || name.StartsWith("abstractor.", StringComparison.Ordinal)
            ? (Side.Vision, name)
            : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        Settings vision = config.Child("vision_config") ?? throw new CheckpointException(config.Path, "vision_config is missing."),
            abstractor = config.Child("visual_abstractor_config")!;
        long width = Count(vision, "hidden_size", 1024),
            heads = Count(vision, "num_attention_heads", 16),
            image = Count(vision, "image_size", 224),
            patch = Count(vision, "patch_size", 14),
            feedForward = Count(vision, "intermediate_size", 4096),
            blocks = Count(vision, "num_hidden_layers", 24),
            queries = Count(config, "num_query_tokens", 64);
        // Queries and features are keys of one attention.
        foreach (string key in (ReadOnlySpan<string>)["hidden_size", "encoder_hidden_size"])
            if (Count(abstractor, key, 1024) is var own && own != width)
                throw new CheckpointException(
                    config.Path,
                    $"visual_abstractor_config.{key} is {own}, but the tower's hidden_size is {width}; they must be equal."
                );
        var metadata = new Metadata();
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.projector_type", "abstractor");
        metadata.Set("clip.use_gelu", false);
        metadata.Set("clip.vision.image_size", image);
        metadata.Set("clip.vision.patch_size", patch);
        metadata.Set("clip.vision.embedding_length", width);
        metadata.Set("clip.vision.feed_forward_length", feedForward);
        metadata.Set("clip.vision.projection_dim", source.LanguageWidth);
        metadata.Set("clip.vision.block_count", blocks);
        metadata.Set("clip.vision.attention.head_count", heads);
        metadata.Set("clip.vision.attention.layer_norm_epsilon", vision.TryNumber("layer_norm_eps") ?? 1e-6);
        metadata.Set("clip.vision.image_mean", TowerConfig.Colour(source, "image_mean", Mean));
        metadata.Set("clip.vision.image_std", TowerConfig.Colour(source, "image_std", Deviation));
        metadata.Set("clip.vision.projector.head_count", Count(abstractor, "num_attention_heads", 16));
        metadata.Set("clip.vision.projector.layer_norm_epsilon", abstractor.TryNumber("layer_norm_eps") ?? 1e-6);
        var dimensions = new Dimensions(
            ('E', width),
            ('I', feedForward),
            ('S', patch),
            ('C', 3),
            ('P', image / patch * (image / patch) + 1),
            ('W', 3 * width),
            ('O', 1),
            ('H', source.LanguageWidth),
            ('N', queries),
            ('F', Count(abstractor, "intermediate_size", 4096))
        );
        return new VisionModel(
            metadata,
            [
                .. Tower(width, heads),
                .. Connector(width, queries, source.LanguageWidth),
                .. Enumerable.Range(0, AbstractorBlockCount(abstractor)).SelectMany(AbstractorBlock),
            ],
            dimensions,
            blocks
        );
    }

    // The classes' defaults, which released configurations leave out.
    private static long Count(Settings settings, string key, long released) => settings.Has(key) ? settings.Size(key) : released;

    private static TensorRule[] Tower(long width, long heads) =>
        [
            new("tower.embeddings.cls_token", "v.class_embd", "OOE") { IsWhole = true, Change = values => values.Reshape(width) },
            new("tower.embeddings.patch_embed", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.embeddings.position_embedding", "v.position_embd.weight", "OPE")
            {
                IsWhole = true,
                IsFull = true,
                Change = static values => values.Reshape(values.Shape[1], values.Shape[2]),
            },
            new("tower.embeddings.pre_layernorm", "v.pre_ln", "E"),
            new("tower.post_layernorm", "v.post_ln", "E"),
            new("tower.encoder.layers.{}.input_layernorm", "v.blk.{}.ln1", "E"),
            new("tower.encoder.layers.{}.post_attention_layernorm", "v.blk.{}.ln2", "E"),
            new("tower.encoder.layers.{}.self_attn.query_key_value", "", "WE") { Split = values => Apart(values, width / heads, width) },
            new("tower.encoder.layers.{}.self_attn.dense", "v.blk.{}.attn_out", "EE"),
            new("tower.encoder.layers.{}.mlp.fc1", "v.blk.{}.ffn_up", "IE"),
            new("tower.encoder.layers.{}.mlp.fc2", "v.blk.{}.ffn_down", "EI"),
        ];

    private static TensorRule[] Connector(long width, long queries, long languageWidth) =>
        [
            new("query_tokens", "abstractor.query", "ONE")
            {
                IsWhole = true,
                IsFull = true,
                Change = values => values.Reshape(queries, width),
            },
            new("abstractor.visual_fc", "mm.0", "HE"),
            new("abstractor.vit_eos", "v.image_end", "OOH") { IsWhole = true, Change = values => values.Reshape(languageWidth) },
        ];

    private static int AbstractorBlockCount(Settings abstractor)
    {
        const int Most = 64;
        long count = Count(abstractor, "num_hidden_layers", 6);
        return count is > 0 and <= Most ? (int)count : throw abstractor.Wrong("num_hidden_layers", $"within 1 to {Most}");
    }

    // By their numbers, as there are not so many as the tower's.
    private static TensorRule[] AbstractorBlock(int index)
    {
        string layer = $"abstractor.encoder.layers.{index}.crossattention.",
            block = $"abstractor.blk.{index}.";
        return
        [
            new(layer + "norm1", block + "norm1", "E"),
            new(layer + "normk", block + "norm_k", "E"),
            new(layer + "attention.query", block + "attn_q", "EE"),
            new(layer + "attention.key", block + "attn_k", "EE"),
            new(layer + "attention.value", block + "attn_v", "EE"),
            new(layer + "output.out_proj", block + "attn_out", "EE"),
            new(layer + "output.norm2", block + "norm2", "E"),
            new(layer + "output.mlp.w1", block + "ffn_gate", "FE"),
            new(layer + "output.mlp.w3", block + "ffn_up", "FE"),
            new(layer + "output.mlp.ffn_ln", block + "ffn_norm", "F"),
            new(layer + "output.mlp.w2", block + "ffn_down", "EF"),
        ];
    }

    /// <summary>Queries, keys and values of a tower that stores a head's side by side.</summary>
    internal static IEnumerable<(string Target, TensorValues Values)> Apart(TensorValues values, long head, long width) =>
        Enumerable
            .Range(0, 3)
            .Select(part =>
                ($"v.blk.{{}}.attn_{"qkv"[part]}", values.Gather(width, row => row / head * 3 * head + part * head + row % head))
            );
}
