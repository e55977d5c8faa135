using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>GLM-4 and ChatGLM as the authors released them (names of <c>transformer.encoder</c>) and as transformers has them.</summary>
internal sealed class ChatGlmArchitecture : LanguageArchitecture
{
    public override string Name => "chatglm";

    public override string Canonical(string name) =>
        name.StartsWith("transformer.", StringComparison.Ordinal) ? name["transformer.".Length..] : name;

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        IsAuthors(config)
            ?
            [
                new("embedding.word_embeddings", "token_embd", "VH"),
                new("encoder.final_layernorm", "output_norm", "H"),
                new("output_layer", "output", "VH"),
                new("encoder.layers.{}.input_layernorm", "blk.{}.attn_norm", "H"),
                new("encoder.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm", "H"),
                new("encoder.layers.{}.self_attention.query_key_value", "blk.{}.attn_qkv", "WH"),
                new("encoder.layers.{}.self_attention.dense", "blk.{}.attn_output", "HQ"),
                new("encoder.layers.{}.mlp.dense_h_to_4h", "blk.{}.ffn_up", "GH"),
                new("encoder.layers.{}.mlp.dense_4h_to_h", "blk.{}.ffn_down", "HF"),
            ]
            : Glm4Architecture.GlmRules(config);

    public override Dimensions Dimensions(Settings config)
    {
        long hidden = config.Size("hidden_size"),
            feedForward = config.Size("ffn_hidden_size", "intermediate_size");
        long head = Head(config),
            queries = HeadCount(config) * head,
            keys = KeyHeads(config) * head;
        return new Dimensions(
            ('H', hidden),
            ('F', feedForward),
            ('G', 2 * feedForward),
            ('V', VocabularySize(config)),
            ('Q', queries),
            ('K', keys),
            ('W', queries + 2 * keys)
        );
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        var rope = new RopeSettings(config);
        metadata.Set(Key("context_length"), config.TryCount("seq_length") ?? config.Size("hidden_size"));
        metadata.Set(Key("embedding_length"), config.Size("hidden_size"));
        metadata.Set(Key("feed_forward_length"), config.Size("ffn_hidden_size", "intermediate_size"));
        metadata.Set(Key("block_count"), BlockCount(config));
        metadata.Set(Key("attention.head_count"), HeadCount(config));
        metadata.Set(Key("attention.head_count_kv"), KeyHeads(config));
        metadata.Set(Key("attention.layer_norm_rms_epsilon"), config.TryNumber("layernorm_epsilon") ?? 1e-5);
        metadata.Set(Key("rope.dimension_count"), (long)(config.Size("hidden_size") / HeadCount(config) * (rope.PartialFactor ?? 0.5)));
        metadata.Set("tokenizer.ggml.add_bos_token", false);
        metadata.Set(Key("rope.freq_base"), 10000 * (config.TryNumber("rope_ratio") ?? 1));
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config) =>
        Vocabulary.Set(metadata, folder, config, Glm4Architecture.Options("chatglm-bpe", VocabularySize(config), setsBos: false));

    private static bool IsAuthors(Settings config) => config.TryText("model_type") == "chatglm";

    private static long Head(Settings config) =>
        config.TryCount("kv_channels", "head_dim") ?? config.Size("hidden_size") / HeadCount(config);

    private static long KeyHeads(Settings config) => config.TryCount("multi_query_group_num") ?? KeyValueHeadCount(config);

    private static long VocabularySize(Settings config) => config.Size("padded_vocab_size", "vocab_size");
}

/// <summary>GLM-4-0414: norms before and after attention and feed-forward.</summary>
internal sealed class Glm4Architecture : LanguageArchitecture
{
    public override string Name => "glm4";

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            .. GlmRules(config),
            new("model.layers.{}.post_self_attn_layernorm", "blk.{}.post_attention_norm", "H"),
            new("model.layers.{}.post_mlp_layernorm", "blk.{}.post_ffw_norm", "H"),
        ];

    public override Dimensions Dimensions(Settings config)
    {
        Dimensions common = base.Dimensions(config);
        return new Dimensions(
            ('H', common['H']),
            ('F', common['F']),
            ('G', 2 * common['F']),
            ('V', common['V']),
            ('Q', common['Q']),
            ('K', common['K'])
        );
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        SetCommonKeys(metadata, config);
        metadata.Set(Key("rope.dimension_count"), (long)(HeadSize(config) * (new RopeSettings(config).PartialFactor ?? 0.5)));
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config) =>
        Vocabulary.Set(metadata, folder, config, Options("glm4", config.Size("vocab_size"), setsBos: true));

    /// <summary>transformers' names of GLM.</summary>
    internal static TensorRule[] GlmRules(Settings config) =>
        [
            new("model.embed_tokens", "token_embd", "VH"),
            new("model.norm", "output_norm", "H"),
            new("lm_head", "output", "VH") { IsOptional = config.TryFlag("tie_word_embeddings") != false },
            new("model.layers.{}.input_layernorm", "blk.{}.attn_norm", "H"),
            new("model.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm", "H"),
            new("model.layers.{}.self_attn.q_proj", "blk.{}.attn_q", "QH"),
            new("model.layers.{}.self_attn.k_proj", "blk.{}.attn_k", "KH"),
            new("model.layers.{}.self_attn.v_proj", "blk.{}.attn_v", "KH"),
            new("model.layers.{}.self_attn.o_proj", "blk.{}.attn_output", "HQ"),
            new("model.layers.{}.mlp.gate_up_proj", "blk.{}.ffn_up", "GH"),
            new("model.layers.{}.mlp.down_proj", "blk.{}.ffn_down", "HF"),
        ];

    /// <summary>GLM's tokens have roles that its files do not name.</summary>
    internal static VocabularyOptions Options(string preTokenizer, long size, bool setsBos) =>
        new()
        {
            PreTokenizer = preTokenizer,
            Size = size,
            ChangeSpecials = (specials, find) =>
            {
                specials.SetIfUnknown("eos", find("<|endoftext|>"));
                specials.SetIfUnknown("eot", find("<|user|>"));
                specials.SetIfUnknown("unk", find("<|endoftext|>"));
                if (setsBos)
                    specials.SetIfUnknown("bos", find("<|endoftext|>"));
            },
        };
}
