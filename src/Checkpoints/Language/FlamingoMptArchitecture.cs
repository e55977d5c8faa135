using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// MPT in an OpenFlamingo: MosaicML's 7B and, under the names of its first code, the 1B of RedPajama. libllama knows MPT, whose keys and
/// names these are (ggml-org/llama.cpp v0.5.0, conversion/mpt.py), but not what OpenFlamingo adds. Sources: huggingface/transformers v5.12,
/// models/mpt; mosaicml/mpt-1b-redpajama-200b, mosaic_gpt.py.
/// </summary>
internal sealed class FlamingoMptArchitecture : FlamingoArchitecture
{
    private const string Layer = "transformer.blocks.{}.";
    private static readonly (string Old, string New)[] FirstNames =
    [
        (".ln_1.", ".norm_1."),
        (".ln_2.", ".norm_2."),
        (".ln_f.", ".norm_f."),
        (".mlp.mlp_up.", ".ffn.up_proj."),
        (".mlp.mlp_down.", ".ffn.down_proj."),
    ];

    public override string Name => "flamingo-mpt";

    public override string Canonical(string name)
    {
        foreach ((string old, string now) in FirstNames)
            name = name.Replace(old, now, StringComparison.Ordinal);
        return name;
    }

    public override bool Ignores(string name) => name == "lm_head.weight";

    public override long BlockCount(Settings config) => config.Size("n_layers", "num_hidden_layers");

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            new("transformer.wte", "token_embd", ""),
            new("transformer.norm_f", "output_norm", "H"),
            new(Layer + "norm_1", "blk.{}.attn_norm", "H"),
            new(Layer + "attn.Wqkv", "blk.{}.attn_qkv", "WH"),
            new(Layer + "attn.q_ln", "blk.{}.attn_q_norm", "H") { IsOptional = true },
            new(Layer + "attn.k_ln", "blk.{}.attn_k_norm", "H") { IsOptional = true },
            new(Layer + "attn.out_proj", "blk.{}.attn_output", "HH"),
            new(Layer + "norm_2", "blk.{}.ffn_norm", "H"),
            new(Layer + "ffn.up_proj", "blk.{}.ffn_up", "FH"),
            new(Layer + "ffn.down_proj", "blk.{}.ffn_down", "HF"),
            .. FlamingoRules.Crossings(Layer, config),
        ];

    public override Dimensions Dimensions(Settings config)
    {
        long width = config.Size("d_model", "hidden_size");
        return new Dimensions([('H', width), ('W', 3 * width), ('F', FeedForward(config, width)), .. FlamingoRules.Letters(width)]);
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        Settings attention = config.Child("attn_config") ?? config;
        if (attention.TryNumber("clip_qkv", "attn_clip_qkv") is > 0)
            throw attention.Wrong("clip_qkv", "null, as every OpenFlamingo's MPT has it");
        if (attention.TryNumber("softmax_scale", "attn_softmax_scale") is not null)
            throw attention.Wrong("softmax_scale", "null, as every OpenFlamingo's MPT has it");
        if (attention.TryFlag("alibi") == false)
            throw attention.Wrong("alibi", "true, as every OpenFlamingo's MPT has it");
        long width = config.Size("d_model", "hidden_size");
        metadata.Set(Key("block_count"), BlockCount(config));
        metadata.Set(Key("context_length"), config.TryCount("max_seq_len") ?? 2048);
        metadata.Set(Key("embedding_length"), width);
        metadata.Set(Key("feed_forward_length"), FeedForward(config, width));
        metadata.Set(Key("attention.head_count"), config.Size("n_heads", "num_attention_heads"));
        metadata.Set(Key("attention.layer_norm_epsilon"), config.TryNumber("layer_norm_epsilon") ?? 1e-5);
        metadata.Set(Key("attention.max_alibi_bias"), attention.TryNumber("alibi_bias_max") ?? 8.0);
        FlamingoRules.SetKeys(metadata, Name, config);
    }

    private static long FeedForward(Settings config, long width) => width * (config.TryCount("expansion_ratio", "mlp_ratio") ?? 4);
}
