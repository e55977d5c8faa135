using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>Qwen 1.5, 2 and 2.5; with norms on queries and keys, Qwen 3.</summary>
internal sealed class QwenArchitecture(string name) : LanguageArchitecture
{
    public override string Name => name;

    public override IReadOnlyList<TensorRule> Rules(Settings config)
    {
        TensorRule[] rules = LlamaRules(config, pairsRotaryRows: false);
        if (name != "qwen3")
            return rules;
        return
        [
            .. rules,
            new("model.layers.{}.self_attn.q_norm", "blk.{}.attn_q_norm", "D"),
            new("model.layers.{}.self_attn.k_norm", "blk.{}.attn_k_norm", "D"),
        ];
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config) =>
        Vocabulary.Set(metadata, folder, config, new VocabularyOptions());
}
