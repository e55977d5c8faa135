using System.Numerics.Tensors;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>Gemma 2 and 3, whose norms are stored less one.</summary>
internal sealed class GemmaArchitecture(string name) : LanguageArchitecture
{
    private static readonly Func<TensorValues, TensorValues> AddOne = static values =>
        values.Change(static elements => TensorPrimitives.Add(elements, 1f, elements));

    private bool IsThird => name == "gemma3";

    public override string Name => name;

    public override IReadOnlyList<TensorRule> Rules(Settings config)
    {
        TensorRule[] norms = IsThird ? [Norm("self_attn.q_norm", "attn_q_norm", "D"), Norm("self_attn.k_norm", "attn_k_norm", "D")] : [];
        return
        [
            .. norms,
            new("model.embed_tokens", "token_embd", "VH"),
            new("model.norm", "output_norm", "H") { Change = AddOne },
            Norm("input_layernorm", "attn_norm", "H"),
            Norm("post_attention_layernorm", "post_attention_norm", "H"),
            Norm("pre_feedforward_layernorm", "ffn_norm", "H"),
            Norm("post_feedforward_layernorm", "post_ffw_norm", "H"),
            new("model.layers.{}.self_attn.q_proj", "blk.{}.attn_q", "QH"),
            new("model.layers.{}.self_attn.k_proj", "blk.{}.attn_k", "KH"),
            new("model.layers.{}.self_attn.v_proj", "blk.{}.attn_v", "KH"),
            new("model.layers.{}.self_attn.o_proj", "blk.{}.attn_output", "HQ"),
            new("model.layers.{}.mlp.gate_proj", "blk.{}.ffn_gate", "FH"),
            new("model.layers.{}.mlp.up_proj", "blk.{}.ffn_up", "FH"),
            new("model.layers.{}.mlp.down_proj", "blk.{}.ffn_down", "HF"),
        ];
    }

    // The embedding is the head.
    public override bool Ignores(string name) => name == "lm_head.weight";

    public override void SetKeys(Metadata metadata, Settings config)
    {
        SetCommonKeys(metadata, config);
        if (!IsThird)
            metadata.Remove(Key("rope.freq_base"));
        metadata.SetIfKnown(Key("attn_logit_softcapping"), config.TryNumber("attn_logit_softcapping"));
        metadata.SetIfKnown(Key("final_logit_softcapping"), config.TryNumber("final_logit_softcapping"));
        if (!IsThird || config.TryCount("sliding_window_pattern") != 1)
            metadata.SetIfKnown(Key("attention.sliding_window"), config.TryCount("sliding_window"));
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config)
    {
        Vocabulary.Set(metadata, folder, config, new VocabularyOptions());
        metadata.Set("tokenizer.ggml.add_space_prefix", false);
    }

    private static TensorRule Norm(string source, string target, string shape) =>
        new($"model.layers.{{}}.{source}", $"blk.{{}}.{target}", shape) { Change = AddOne };
}
