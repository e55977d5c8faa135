using System.Globalization;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// Llama 3.2 Vision, in transformers' layouts. Names, gates behind the hyperbolic tangent and permutations: ollama/ollama,
/// convert/convert_mllama.go; docs/gguf.md.
/// </summary>
internal sealed class MllamaFamily(Settings config) : CheckpointFamily
{
    private const string Prefix = "mllama.vision.";
    private static readonly float[] ClipMean = [0.48145466f, 0.4578275f, 0.40821073f],
        ClipDeviation = [0.26862954f, 0.26130258f, 0.27577711f];

    public override string Name => "Llama 3.2 Vision";

    public static bool Recognises(Settings config) => config.TryText("model_type") == "mllama" && config.Has("vision_config");

    public override Settings LanguageConfig(Settings config) =>
        Settings.Merge(
            config.Child("text_config") ?? throw new CheckpointException(config.Path, "text_config is missing."),
            LlavaFamily.Without(config, "architectures", "model_type")
        );

    public override (Side Side, string Name) Place(string name)
    {
        foreach (string prefix in (ReadOnlySpan<string>)["model.vision_model.", "vision_model."])
            if (name.TryAfter(prefix, out string inner))
                return (Side.Vision, "tower." + inner);
        foreach (string prefix in (ReadOnlySpan<string>)["model.multi_modal_projector.", "multi_modal_projector."])
            if (name.TryAfter(prefix, out string inner))
                return (Side.Vision, "projector." + inner);
        return Names.TryLanguage(name, out string language) ? (Side.Language, language) : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        Settings vision = config.Child("vision_config")!;
        long width = vision.TryCount("hidden_size") ?? 1280,
            feedForward = vision.TryCount("intermediate_size") ?? 5120,
            heads = vision.TryCount("attention_heads", "num_attention_heads") ?? 16,
            blocks = vision.TryCount("num_hidden_layers") ?? 32,
            globals = vision.TryCount("num_global_layers") ?? 8,
            size = vision.TryCount("image_size") ?? 448,
            patch = vision.TryCount("patch_size") ?? 14,
            tiles = vision.TryCount("max_num_tiles") ?? 4;
        double[] intermediate = vision.TryNumbers("intermediate_layers_indices") ?? [3, 7, 15, 23, 30];
        if (vision.TryText("hidden_act") is not (null or "gelu"))
            throw vision.Wrong("hidden_act", "gelu");
        if (heads < 1 || width % heads != 0 || patch < 1 || size % patch != 0 || globals is < 1 or > 512)
            throw new CheckpointException(config.Path, "vision_config's dimensions do not fit each other.");
        var metadata = new Metadata();
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.projector_type", "mllama");
        metadata.Set("clip.vision.image_mean", TowerConfig.Colour(source, "image_mean", ClipMean));
        metadata.Set("clip.vision.image_std", TowerConfig.Colour(source, "image_std", ClipDeviation));
        foreach (
            (string key, long value) in (ReadOnlySpan<(string, long)>)
                [
                    ("image_size", size),
                    ("patch_size", patch),
                    ("max_num_tiles", tiles),
                    ("num_channels", 3),
                    ("embedding_length", width),
                    ("feed_forward_length", feedForward),
                    ("attention.head_count", heads),
                    ("block_count", blocks),
                    ("global.block_count", globals),
                ]
        )
            metadata.Set(Prefix + key, value);
        metadata.Set(Prefix + "attention.layer_norm_epsilon", vision.TryNumber("norm_eps") ?? 1e-5);
        metadata.Set(Prefix + "intermediate_layers_indices", [.. intermediate.Select(static index => (int)index)]);
        long rows = (size / patch * (size / patch)) + 1;
        return new VisionModel(
            metadata,
            [.. Outer, .. Blocks("tower.transformer.layers.{}.", "v.blk.{}.", heads), .. Globals(globals, heads)],
            new Dimensions(
                ('E', width),
                ('I', feedForward),
                ('S', patch),
                ('C', 3),
                ('R', rows),
                ('H', source.LanguageWidth),
                ('O', width * (1 + intermediate.Length)),
                ('1', 1)
            ),
            blocks
        );
    }

    private static TensorRule[] Outer =>
        [
            new("tower.class_embedding", "v.class_embd", "E") { IsWhole = true },
            new("tower.patch_embedding", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.gated_positional_embedding.embedding", "v.position_embd.weight", "RE") { IsWhole = true, Type = Table },
            new("tower.gated_positional_embedding.gate", "", "1") { IsWhole = true, Split = PositionGates },
            new("tower.gated_positional_embedding.tile_embedding", "v.tile_position_embd", "") { Type = Table },
            new("tower.pre_tile_positional_embedding.embedding", "v.pre_tile_position_embd", "") { Type = Table },
            new("tower.pre_tile_positional_embedding.gate", "v.pre_tile_position_embd.gate", "1") { IsWhole = true, Change = Tanh },
            new("tower.post_tile_positional_embedding.embedding", "v.post_tile_position_embd", "") { Type = Table },
            new("tower.post_tile_positional_embedding.gate", "v.post_tile_position_embd.gate", "1") { IsWhole = true, Change = Tanh },
            new("tower.layernorm_pre", "v.pre_ln", "E"),
            new("tower.layernorm_post", "v.post_ln", "E"),
            new("projector", "mm.0", "HO"),
        ];

    // The global blocks are fewer, so each has its rules.
    private static IEnumerable<TensorRule> Globals(long count, long heads)
    {
        for (long block = 0; block < count; block++)
        {
            string number = block.ToString(CultureInfo.InvariantCulture),
                source = $"tower.global_transformer.layers.{number}.",
                target = $"v.global.blk.{number}.";
            foreach (TensorRule rule in Blocks(source, target, heads))
                yield return rule;
            yield return new(source + "gate_attn", target + "attn_gate", "1") { IsWhole = true, Change = Tanh };
            yield return new(source + "gate_ffn", target + "ffn_gate", "1") { IsWhole = true, Change = Tanh };
        }
    }

    private static TensorRule[] Blocks(string source, string target, long heads) =>
        [
            new(source + "input_layernorm", target + "attn_norm", "E"),
            new(source + "self_attn.q_proj", target + "attn_q", "EE") { Change = values => Pair(values, heads) },
            new(source + "self_attn.k_proj", target + "attn_k", "EE") { Change = values => Pair(values, heads) },
            new(source + "self_attn.v_proj", target + "attn_v", "EE"),
            new(source + "self_attn.o_proj", target + "attn_output", "EE"),
            new(source + "post_attention_layernorm", target + "ffn_norm", "E"),
            new(source + "mlp.fc1", target + "ffn_up", "IE"),
            new(source + "mlp.fc2", target + "ffn_down", "EI"),
        ];

    // As of rotated heads, though nothing rotates these: both in the same way, so that nothing changes.
    private static TensorValues Pair(TensorValues values, long heads)
    {
        long head = values.Shape[0] / heads,
            half = head / 2;
        return values.Gather(values.Shape[0], row => (row / head * head) + (row % 2 * half) + (row % head / 2));
    }

    private static Gguf.GgufTensorType Table(Gguf.GgufTensorType type) => type == Gguf.GgufTensorType.Q8_0 ? Gguf.GgufTensorType.F16 : type;

    private static TensorValues Tanh(TensorValues values) =>
        values.Change(static row =>
        {
            foreach (ref float value in row)
                value = (float)Math.Tanh(value);
        });

    private static IEnumerable<(string Target, TensorValues Values)> PositionGates(TensorValues values)
    {
        yield return (
            "v.position_embd.gate",
            values.Change(static row =>
            {
                foreach (ref float value in row)
                    value = (float)(1 - Math.Tanh(value));
            })
        );
        yield return ("v.tile_position_embd.gate", Tanh(values));
    }
}
