using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// mPLUG-Owl2's language model: Llama whose norms, keys and values have other weights for pictures (X-PLUG/mPLUG-Owl,
/// mPLUG-Owl2/mplug_owl2/model/modeling_llama2.py). libllama does not know it; names: docs/gguf.md.
/// </summary>
internal sealed class MplugOwl2Architecture : LlamaArchitecture
{
    public override string Name => "mplug_owl2";

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            .. LlamaRules(config, pairsRotaryRows: true).Where(static rule => !IsOfModality(rule)),
            .. LlamaRules(config, pairsRotaryRows: true)
                .Where(IsOfModality)
                .SelectMany(static rule =>
                    (TensorRule[])
                        [
                            rule with
                            {
                                Source = rule.Source + ".multiway.0",
                            },
                            rule with
                            {
                                Source = rule.Source + ".multiway.1",
                                Target = rule.Target.Replace("blk.{}.", "blk.{}.vis_", StringComparison.Ordinal),
                            },
                        ]
                ),
        ];

    public override void SetKeys(Metadata metadata, Settings config)
    {
        base.SetKeys(metadata, config);
        if (config.TryText("hidden_act") is not (null or "silu"))
            throw config.Wrong("hidden_act", "silu");
        if (config.TryFlag("attention_bias") == true)
            throw config.Wrong("attention_bias", "false, as it is in the release");
    }

    private static bool IsOfModality(TensorRule rule) =>
        rule.Source.EndsWith("layernorm", StringComparison.Ordinal)
        || rule.Source.EndsWith(".k_proj", StringComparison.Ordinal)
        || rule.Source.EndsWith(".v_proj", StringComparison.Ordinal);
}
