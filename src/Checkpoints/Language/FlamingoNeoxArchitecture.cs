using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// GPT-NeoX in an OpenFlamingo (RedPajama-INCITE 3B). libllama knows GPT-NeoX, whose keys, names and order of q, k and v these are
/// (ggml-org/llama.cpp v0.5.0, conversion/gptneox.py), but not what OpenFlamingo adds. Source: huggingface/transformers v5.12,
/// models/gpt_neox.
/// </summary>
internal sealed class FlamingoNeoxArchitecture : FlamingoArchitecture
{
    private const string Layer = "gpt_neox.layers.{}.";

    public override string Name => "flamingo-neox";

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            new("gpt_neox.embed_in", "token_embd", ""),
            new("embed_out", "output", "") { IsOptional = config.TryFlag("tie_word_embeddings") == true },
            new("gpt_neox.final_layer_norm", "output_norm", "H"),
            new(Layer + "input_layernorm", "blk.{}.attn_norm", "H"),
            new(Layer + "attention.query_key_value", "blk.{}.attn_qkv", "WH") { Change = values => ByKind(values, HeadCount(config)) },
            new(Layer + "attention.dense", "blk.{}.attn_output", "HH"),
            new(Layer + "post_attention_layernorm", "blk.{}.ffn_norm", "H"),
            new(Layer + "mlp.dense_h_to_4h", "blk.{}.ffn_up", "FH"),
            new(Layer + "mlp.dense_4h_to_h", "blk.{}.ffn_down", "HF"),
            .. FlamingoRules.Crossings(Layer, config),
        ];

    public override Dimensions Dimensions(Settings config)
    {
        long width = config.Size("hidden_size");
        return new Dimensions([('H', width), ('W', 3 * width), ('F', config.Size("intermediate_size")), .. FlamingoRules.Letters(width)]);
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        if (config.TryText("hidden_act") is not (null or "gelu"))
            throw config.Wrong("hidden_act", "gelu, as every OpenFlamingo's GPT-NeoX has it");
        Settings? rope = config.Child("rope_parameters");
        double part = config.TryNumber("rotary_pct") ?? rope?.TryNumber("partial_rotary_factor") ?? 0.25;
        metadata.Set(Key("block_count"), BlockCount(config));
        metadata.Set(Key("context_length"), config.Size("max_position_embeddings"));
        metadata.Set(Key("embedding_length"), config.Size("hidden_size"));
        metadata.Set(Key("feed_forward_length"), config.Size("intermediate_size"));
        metadata.Set(Key("attention.head_count"), HeadCount(config));
        metadata.Set(Key("rope.dimension_count"), (long)(part * HeadSize(config)));
        metadata.Set(Key("rope.freq_base"), config.TryNumber("rotary_emb_base") ?? rope?.TryNumber("rope_theta") ?? 10_000.0);
        metadata.Set(Key("use_parallel_residual"), config.TryFlag("use_parallel_residual") ?? true);
        metadata.Set(Key("attention.layer_norm_epsilon"), config.TryNumber("layer_norm_eps") ?? 1e-5);
        FlamingoRules.SetKeys(metadata, Name, config);
    }

    // Each head's query, key and value one behind the other become all queries, all keys, all values.
    private static TensorValues ByKind(TensorValues values, long headCount)
    {
        long head = values.Shape[0] / 3 / headCount,
            width = head * headCount;
        return values.Gather(values.Shape[0], row => (row % width / head * 3 + row / width) * head + row % head);
    }
}
