using System.Globalization;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// IDEFICS' language model: Llama, and in front of every n-th block one that looks at pictures. libllama does not know it; keys and names:
/// docs/gguf.md. Source: huggingface/transformers v5.12, models/idefics.
/// </summary>
internal sealed class IdeficsArchitecture : LlamaArchitecture
{
    public override string Name => "idefics";

    public override IReadOnlyList<TensorRule> Rules(Settings config)
    {
        TensorRule[] plain = LlamaRules(config, pairsRotaryRows: true);
        return
        [
            new("model.embed_tokens", "token_embd", "VH"),
            new("lm_head", "output", "VH") { IsOptional = config.TryFlag("tie_word_embeddings") == true },
            .. plain.Where(static rule => rule.Target is not ("token_embd" or "output")),
            .. Enumerable.Range(0, CrossingCount(config)).SelectMany(layer => Crossing(layer, layer * Interval(config))),
        ];
    }

    public override Dimensions Dimensions(Settings config)
    {
        Dimensions plain = base.Dimensions(config);
        long memory = (config.Child("vision_config") ?? config).TryCount("embed_dim", "hidden_size") ?? 768;
        return new Dimensions([.. "HFVQKD".Select(letter => (letter, plain[letter])), ('M', memory), ('1', 1)]);
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        base.SetKeys(metadata, config);
        metadata.Set(Key("cross_attention.interval"), Interval(config));
        metadata.Set(Key("cross_attention.memory_length"), Dimensions(config)['M']);
        if (config.TryText("alpha_type") is not (null or "float"))
            throw config.Wrong("alpha_type", "float");
        if (config.TryFlag("use_resampler") == false)
            throw config.Wrong("use_resampler", "true, as every IDEFICS has it");
    }

    protected override long TokenCount(Settings config) => config.Size("vocab_size") + (config.TryCount("additional_vocab_size") ?? 0);

    private static int Interval(Settings config) => (int)Math.Clamp(config.TryCount("cross_layer_interval") ?? 1, 1, 512);

    private int CrossingCount(Settings config) => (int)(BlockCount(config) / Interval(config));

    private static IEnumerable<TensorRule> Crossing(int layer, int block)
    {
        string source = $"model.gated_cross_attn_layers.{layer.ToString(CultureInfo.InvariantCulture)}.",
            target = $"blk.{block.ToString(CultureInfo.InvariantCulture)}.xattn_";
        yield return new(source + "input_layernorm", target + "norm", "H");
        yield return new(source + "cross_attn.q_proj", target + "q", "HH");
        yield return new(source + "cross_attn.k_proj", target + "k", "HM");
        yield return new(source + "cross_attn.v_proj", target + "v", "HM");
        yield return new(source + "cross_attn.o_proj", target + "output", "HH");
        yield return new(source + "cross_attn.q_layer_norm", target + "q_norm", "D") { IsOptional = true };
        yield return new(source + "cross_attn.k_layer_norm", target + "k_norm", "D") { IsOptional = true };
        yield return new(source + "post_attention_layernorm", target + "ffn_norm", "H");
        yield return new(source + "mlp.gate_proj", target + "ffn_gate", "FH");
        yield return new(source + "mlp.up_proj", target + "ffn_up", "FH");
        yield return new(source + "mlp.down_proj", target + "ffn_down", "HF");
        yield return new(source + "alpha_cross_attn", target + "attn_alpha", "1") { IsWhole = true };
        yield return new(source + "alpha_dense", target + "ffn_alpha", "1") { IsWhole = true };
    }
}
