using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// OPT, the language model of BLIP-2's first releases. libllama does not know it; keys and names are those that it has for others
/// (docs/gguf.md). Source: huggingface/transformers v5.12, models/opt.
/// </summary>
internal sealed class OptArchitecture : LanguageArchitecture
{
    // OPTLearnedPositionalEmbedding
    private const long PositionOffset = 2;

    public override string Name => "opt";

    public override string Canonical(string name) => name.StartsWith("decoder.", StringComparison.Ordinal) ? "model." + name : name;

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            new("model.decoder.embed_tokens", "token_embd", "VH"),
            Head(config),
            new("model.decoder.embed_positions", "position_embd", "PH") { IsFull = true },
            new("model.decoder.final_layer_norm", "output_norm", "H"),
            new("model.decoder.layers.{}.self_attn_layer_norm", "blk.{}.attn_norm", "H"),
            new("model.decoder.layers.{}.self_attn.q_proj", "blk.{}.attn_q", "HH"),
            new("model.decoder.layers.{}.self_attn.k_proj", "blk.{}.attn_k", "HH"),
            new("model.decoder.layers.{}.self_attn.v_proj", "blk.{}.attn_v", "HH"),
            new("model.decoder.layers.{}.self_attn.out_proj", "blk.{}.attn_output", "HH"),
            new("model.decoder.layers.{}.final_layer_norm", "blk.{}.ffn_norm", "H"),
            new("model.decoder.layers.{}.fc1", "blk.{}.ffn_up", "FH"),
            new("model.decoder.layers.{}.fc2", "blk.{}.ffn_down", "HF"),
        ];

    // The head is the embedding table, of which some checkpoints hold a second copy, unless the configuration says otherwise.
    private static TensorRule Head(Settings config) =>
        config.TryFlag("tie_word_embeddings") == false
            ? new("lm_head", "output", "VH")
            : new("lm_head", "", "VH") { IsOptional = true, Split = static _ => [] };

    public override Dimensions Dimensions(Settings config) =>
        new(
            ('H', config.Size("hidden_size")),
            ('F', config.Size("ffn_dim")),
            ('V', config.Size("vocab_size")),
            ('P', config.Size("max_position_embeddings") + PositionOffset)
        );

    public override void SetKeys(Metadata metadata, Settings config)
    {
        long width = config.Size("hidden_size");
        if (
            config.TryFlag("do_layer_norm_before") == false
            || config.TryFlag("_remove_final_layer_norm") == true
            || (config.TryCount("word_embed_proj_dim") ?? width) != width
            || config.TryText("activation_function") is not (null or "relu")
        )
            throw new CheckpointException(
                config.Path,
                "its OPT has norms behind the layers, projected embeddings or another activation than ReLU, which no BLIP-2 has."
            );
        metadata.Set(Key("block_count"), BlockCount(config));
        metadata.Set(Key("context_length"), config.Size("max_position_embeddings"));
        metadata.Set(Key("embedding_length"), width);
        metadata.Set(Key("feed_forward_length"), config.Size("ffn_dim"));
        metadata.Set(Key("attention.head_count"), HeadCount(config));
        metadata.Set(Key("attention.layer_norm_epsilon"), 1e-5);
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config)
    {
        Vocabulary.Set(metadata, folder, config, new VocabularyOptions());
        metadata.Set("tokenizer.ggml.add_bos_token", true);
        // BLIP-2's answers end with a newline, which its text_config calls the end.
        if (config.TryCount("eos_token_id") is long end)
            metadata.Set("tokenizer.ggml.eot_token_id", end);
    }
}
