using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>Phi-3 and 3.5: queries, keys and values in one matrix, gate and up in another.</summary>
internal sealed class Phi3Architecture : LanguageArchitecture
{
    public override string Name => "phi3";

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            new("model.embed_tokens", "token_embd", "VH"),
            new("model.norm", "output_norm", "H"),
            new("lm_head", "output", "VH") { IsOptional = config.TryFlag("tie_word_embeddings") != false },
            new("model.layers.{}.input_layernorm", "blk.{}.attn_norm", "H"),
            new("model.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm", "H"),
            new("model.layers.{}.self_attn.qkv_proj", "blk.{}.attn_qkv", "WH"),
            new("model.layers.{}.self_attn.o_proj", "blk.{}.attn_output", "HQ"),
            new("model.layers.{}.mlp.gate_up_proj", "blk.{}.ffn_up", "GH"),
            new("model.layers.{}.mlp.down_proj", "blk.{}.ffn_down", "HF"),
        ];

    public override Dimensions Dimensions(Settings config)
    {
        Dimensions common = base.Dimensions(config);
        return new Dimensions(
            ('H', common['H']),
            ('F', common['F']),
            ('V', common['V']),
            ('Q', common['Q']),
            ('W', common['Q'] + 2 * common['K']),
            ('G', 2 * common['F'])
        );
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        var rope = new RopeSettings(config);
        metadata.Set(Key("context_length"), config.Size("max_position_embeddings"));
        metadata.Set(Key("rope.scaling.original_context_length"), (long)(rope.OriginalContext ?? config.Size("max_position_embeddings")));
        metadata.Set(Key("embedding_length"), config.Size("hidden_size"));
        metadata.Set(Key("feed_forward_length"), config.Size("intermediate_size"));
        metadata.Set(Key("block_count"), BlockCount(config));
        metadata.Set(Key("attention.head_count"), HeadCount(config));
        metadata.Set(Key("attention.head_count_kv"), KeyValueHeadCount(config));
        metadata.Set(Key("attention.layer_norm_rms_epsilon"), config.Number("rms_norm_eps"));
        metadata.Set(Key("rope.dimension_count"), RotaryCount(config, rope));
        metadata.Set(Key("rope.freq_base"), rope.Base ?? 10000.0);
        metadata.Set(Key("attention.sliding_window"), config.TryCount("sliding_window") ?? 0);
        if (rope.Numbers("long_factor") is null)
            return;
        double original = rope.OriginalContext ?? 4096,
            scale = config.Size("max_position_embeddings") / original;
        metadata.Set(
            Key("rope.scaling.attn_factor"),
            (scale, rope.Scaling) switch
            {
                (<= 1, _) => 1.0,
                (_, "yarn") => 0.1 * Math.Log(scale) + 1,
                _ => Math.Sqrt(1 + Math.Log(scale) / Math.Log(original)),
            }
        );
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config) =>
        Vocabulary.Set(metadata, folder, config, new VocabularyOptions());

    public override IEnumerable<(string Name, TensorValues Values)> Extra(Settings config)
    {
        var rope = new RopeSettings(config);
        foreach (string kind in (string[])["long", "short"])
        {
            if (rope.Numbers($"{kind}_factor") is not double[] factors)
                continue;
            if (factors.Length != RotaryCount(config, rope) / 2)
                throw new CheckpointException(
                    config.Path,
                    $"rope_scaling.{kind}_factor has {factors.Length} numbers, not {RotaryCount(config, rope) / 2}."
                );
            yield return (
                $"rope_factors_{kind}.weight",
                TensorValues.Of([factors.Length], Array.ConvertAll(factors, static factor => (float)factor))
            );
        }
    }

    private static long RotaryCount(Settings config, RopeSettings rope) =>
        (long)((rope.PartialFactor ?? 1) * config.Size("hidden_size")) / HeadCount(config);
}
