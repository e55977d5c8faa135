using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>T5, FLAN-T5: an encoder and a decoder with relative positions.</summary>
internal sealed class T5Architecture : LanguageArchitecture
{
    public override string Name => "t5";

    // The embedding is stored under any of three names, or several of them.
    public override string Canonical(string name) =>
        name is "decoder.embed_tokens.weight" or "encoder.embed_tokens.weight" ? "shared.weight" : name;

    public override long BlockCount(Settings config) => Math.Max(config.Size("num_layers"), config.TryCount("num_decoder_layers") ?? 0);

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            new("shared", "token_embd", "VH"),
            new("lm_head", "output", "VH") { IsOptional = true },
            new("encoder.final_layer_norm", "enc.output_norm", "H"),
            new("decoder.final_layer_norm", "dec.output_norm", "H"),
            .. Attention("encoder", "enc", 0, "SelfAttention", "attn"),
            .. Attention("decoder", "dec", 0, "SelfAttention", "attn"),
            .. Attention("decoder", "dec", 1, "EncDecAttention", "cross_attn"),
            .. FeedForward("encoder", "enc", 1),
            .. FeedForward("decoder", "dec", 2),
        ];

    public override Dimensions Dimensions(Settings config) =>
        new(
            ('H', config.Size("d_model")),
            ('F', config.Size("d_ff")),
            ('V', config.Size("vocab_size")),
            ('A', config.Size("num_heads") * config.Size("d_kv")),
            ('B', config.Size("relative_attention_num_buckets")),
            ('N', config.Size("num_heads"))
        );

    public override void SetKeys(Metadata metadata, Settings config)
    {
        metadata.Set(Key("context_length"), config.TryCount("n_positions") ?? 512);
        metadata.Set(Key("embedding_length"), config.Size("d_model"));
        metadata.Set(Key("feed_forward_length"), config.Size("d_ff"));
        metadata.Set(Key("block_count"), config.Size("num_layers"));
        metadata.Set(Key("decoder_block_count"), config.TryCount("num_decoder_layers") ?? config.Size("num_layers"));
        metadata.Set(Key("attention.head_count"), config.Size("num_heads"));
        metadata.Set(Key("attention.key_length"), config.Size("d_kv"));
        metadata.Set(Key("attention.value_length"), config.Size("d_kv"));
        metadata.Set(Key("attention.layer_norm_epsilon"), config.Number("layer_norm_epsilon"));
        metadata.Set(Key("attention.relative_buckets_count"), config.Size("relative_attention_num_buckets"));
        metadata.Set(Key("attention.layer_norm_rms_epsilon"), config.Number("layer_norm_epsilon"));
        metadata.Set(Key("decoder_start_token_id"), config.TryCount("decoder_start_token_id") ?? 0);
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config) =>
        Vocabulary.Set(metadata, folder, config, new VocabularyOptions());

    private static IEnumerable<TensorRule> Attention(string side, string target, int layer, string source, string name)
    {
        string from = $"{side}.block.{{}}.layer.{layer}",
            to = $"{target}.blk.{{}}.{name}";
        yield return new TensorRule($"{from}.layer_norm", to + "_norm", "H") { IsOptional = true };
        foreach (char part in "qkv")
            yield return new TensorRule($"{from}.{source}.{part}", $"{to}_{part}", "AH") { IsOptional = true };
        yield return new TensorRule($"{from}.{source}.o", to + "_o", "HA") { IsOptional = true };
        yield return new TensorRule($"{from}.{source}.relative_attention_bias", to + "_rel_b", "BN") { IsOptional = true };
    }

    private static IEnumerable<TensorRule> FeedForward(string side, string target, int layer)
    {
        string from = $"{side}.block.{{}}.layer.{layer}",
            to = $"{target}.blk.{{}}.ffn_";
        yield return new TensorRule($"{from}.layer_norm", to + "norm", "H") { IsOptional = true };
        yield return new TensorRule($"{from}.DenseReluDense.wi", to + "up", "FH") { IsOptional = true };
        yield return new TensorRule($"{from}.DenseReluDense.wi_0", to + "gate", "FH") { IsOptional = true };
        yield return new TensorRule($"{from}.DenseReluDense.wi_1", to + "up", "FH") { IsOptional = true };
        yield return new TensorRule($"{from}.DenseReluDense.wo", to + "down", "HF") { IsOptional = true };
    }
}
