using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// CogVLM's language model: Llama with other weights for pictures beside those for text. Names: ggml-org/llama.cpp v0.5.0,
/// gguf-py/gguf/tensor_mapping.py, which knows the first; CogVLM2's grouped heads, biases and base of the rotation: docs/gguf.md.
/// </summary>
internal sealed class CogVlmArchitecture : LlamaArchitecture
{
    // modeling_cogvlm.py of CogVLM2 makes FastRotaryEmbedding with it, and CogVLM's the usual one, whatever the configuration says.
    private const double SecondBase = 500_000;

    public override string Name => "cogvlm";

    /// <summary>Whether a configuration is CogVLM2's.</summary>
    public static bool IsSecond(Settings config) => config.Has("num_multi_query_heads");

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            .. LlamaRules(config, pairsRotaryRows: false)
                .Where(static rule => !rule.Source.Contains(".self_attn.") && !rule.Source.Contains(".mlp.")),
            new("model.layers.{}.self_attn.language_expert_query_key_value", "blk.{}.attn_qkv", "WH"),
            new("model.layers.{}.self_attn.language_expert_dense", "blk.{}.attn_output", "HQ"),
            new("model.layers.{}.mlp.language_mlp.gate_proj", "blk.{}.ffn_gate", "FH"),
            new("model.layers.{}.mlp.language_mlp.up_proj", "blk.{}.ffn_up", "FH"),
            new("model.layers.{}.mlp.language_mlp.down_proj", "blk.{}.ffn_down", "HF"),
            new("model.layers.{}.self_attn.vision_expert_query_key_value", "blk.{}.vis_attn_qkv", "WH"),
            new("model.layers.{}.self_attn.vision_expert_dense", "blk.{}.vis_attn_output", "HQ"),
            new("model.layers.{}.mlp.vision_mlp.gate_proj", "blk.{}.vis_gate", "FH"),
            new("model.layers.{}.mlp.vision_mlp.up_proj", "blk.{}.vis_up", "FH"),
            new("model.layers.{}.mlp.vision_mlp.down_proj", "blk.{}.vis_down", "HF"),
        ];

    public override Dimensions Dimensions(Settings config)
    {
        long head = HeadSize(config),
            queries = HeadCount(config) * head;
        return new Dimensions(
            ('H', config.Size("hidden_size")),
            ('F', config.Size("intermediate_size")),
            ('V', config.Size("vocab_size")),
            ('Q', queries),
            ('W', queries + 2 * KeyHeads(config) * head)
        );
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        base.SetKeys(metadata, config);
        if (config.TryText("hidden_act") is not (null or "silu"))
            throw config.Wrong("hidden_act", "silu");
        metadata.Set(Key("attention.head_count_kv"), KeyHeads(config));
        metadata.Remove(Key("rope.freq_base"));
        if (IsSecond(config))
            metadata.Set(Key("rope.freq_base"), SecondBase);
    }

    private static long KeyHeads(Settings config) => config.TryCount("num_multi_query_heads") ?? HeadCount(config);
}
