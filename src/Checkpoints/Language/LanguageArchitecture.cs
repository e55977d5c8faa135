using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// A language model's architecture as libllama knows it: keys, tensors and vocabulary of its GGUF file. Keys, names and permutations are
/// those of ggml-org/llama.cpp v0.5.0, conversion/*.py and gguf-py/gguf/tensor_mapping.py.
/// </summary>
internal abstract class LanguageArchitecture
{
    /// <summary>The architecture's name in <c>general.architecture</c>.</summary>
    public abstract string Name { get; }

    /// <summary>The tensors.</summary>
    public abstract IReadOnlyList<TensorRule> Rules(Settings config);

    /// <summary>Sets the vocabulary's keys.</summary>
    public abstract void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config);

    /// <summary>The name of a tensor as the rules have it.</summary>
    public virtual string Canonical(string name) => name;

    /// <summary>Whether libllama needs no such tensor.</summary>
    public virtual bool Ignores(string name) => false;

    /// <summary>Sets the dimensions' keys.</summary>
    public virtual void SetKeys(Metadata metadata, Settings config) => SetCommonKeys(metadata, config);

    /// <summary>Tensors that follow from the configuration.</summary>
    public virtual IEnumerable<(string Name, TensorValues Values)> Extra(Settings config) => [];

    public virtual long BlockCount(Settings config) => config.Size("num_hidden_layers", "n_layers", "n_layer", "num_layers");

    /// <summary>What the letters of the rules' shapes stand for: hidden, feed-forward, vocabulary, query and key widths, head.</summary>
    public virtual Dimensions Dimensions(Settings config) =>
        new(
            ('H', config.Size("hidden_size")),
            ('F', config.Size("intermediate_size")),
            ('V', config.Size("vocab_size")),
            ('Q', HeadCount(config) * HeadSize(config)),
            ('K', KeyValueHeadCount(config) * HeadSize(config)),
            ('D', HeadSize(config))
        );

    protected static long HeadCount(Settings config) => config.Size("num_attention_heads");

    protected static long KeyValueHeadCount(Settings config) =>
        config.Has("num_key_value_heads") ? config.Size("num_key_value_heads") : HeadCount(config);

    protected static long HeadSize(Settings config)
    {
        if (config.Has("head_dim"))
            return config.Size("head_dim");
        (long size, long rest) = Math.DivRem(config.Size("hidden_size"), HeadCount(config));
        return rest == 0 ? size : throw new CheckpointException(config.Path, "hidden_size is no multiple of num_attention_heads.");
    }

    /// <summary>The keys that most architectures have.</summary>
    protected void SetCommonKeys(Metadata metadata, Settings config)
    {
        metadata.Set(Key("block_count"), BlockCount(config));
        metadata.SetIfKnown(
            Key("context_length"),
            config.TryCount("max_position_embeddings", "n_ctx", "n_positions", "max_length", "max_sequence_length")
        );
        metadata.SetIfKnown(Key("embedding_length"), config.TryCount("hidden_size", "n_embd", "dim"));
        metadata.SetIfKnown(Key("feed_forward_length"), config.TryCount("intermediate_size", "n_inner", "hidden_dim"));
        metadata.SetIfKnown(Key("attention.head_count"), config.TryCount("num_attention_heads", "n_head", "n_heads"));
        metadata.Set(Key("attention.head_count_kv"), KeyValueHeadCount(config));
        new RopeSettings(config).SetKeys(metadata, Name);
        metadata.SetIfKnown(Key("attention.layer_norm_rms_epsilon"), config.TryNumber("rms_norm_eps", "norm_eps"));
        metadata.SetIfKnown(Key("attention.layer_norm_epsilon"), config.TryNumber("layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"));
        if (config.TryCount("head_dim") is not long headSize)
            return;
        metadata.Set(Key("attention.key_length"), headSize);
        metadata.Set(Key("attention.value_length"), headSize);
    }

    protected string Key(string key) => $"{Name}.{key}";

    /// <summary>
    /// transformers' rotary halves as libllama's pairs: row 2i + j of each head takes row i + j * half of it.
    /// Source: ggml-org/llama.cpp v0.5.0, conversion/llama.py.
    /// </summary>
    protected static TensorValues PairRotaryRows(TensorValues values, long headCount)
    {
        long head = values.Shape[0] / headCount,
            half = head / 2;
        return values.Gather(values.Shape[0], row => row / head * head + row % 2 * half + row % head / 2);
    }

    /// <summary>The blocks' rules with rotary pairs, as Llama and its kin have them.</summary>
    protected static TensorRule[] LlamaRules(Settings config, bool pairsRotaryRows)
    {
        Func<TensorValues, TensorValues>? queries = pairsRotaryRows ? values => PairRotaryRows(values, HeadCount(config)) : null;
        Func<TensorValues, TensorValues>? keys = pairsRotaryRows ? values => PairRotaryRows(values, KeyValueHeadCount(config)) : null;
        return
        [
            new("model.embed_tokens", "token_embd", "VH"),
            new("model.norm", "output_norm", "H"),
            new("lm_head", "output", "VH") { IsOptional = config.TryFlag("tie_word_embeddings") != false },
            new("model.layers.{}.input_layernorm", "blk.{}.attn_norm", "H"),
            new("model.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm", "H"),
            new("model.layers.{}.self_attn.q_proj", "blk.{}.attn_q", "QH") { Change = queries },
            new("model.layers.{}.self_attn.k_proj", "blk.{}.attn_k", "KH") { Change = keys },
            new("model.layers.{}.self_attn.v_proj", "blk.{}.attn_v", "KH"),
            new("model.layers.{}.self_attn.o_proj", "blk.{}.attn_output", "HQ"),
            new("model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate", "FH"),
            new("model.layers.{}.mlp.up_proj", "blk.{}.ffn_up", "FH"),
            new("model.layers.{}.mlp.down_proj", "blk.{}.ffn_down", "HF"),
        ];
    }
}
