using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>MiniCPM: Llama with scaled embeddings, residuals and logits.</summary>
internal sealed class MiniCpmArchitecture : LanguageArchitecture
{
    public override string Name => "minicpm";

    public override IReadOnlyList<TensorRule> Rules(Settings config) => LlamaRules(config, pairsRotaryRows: true);

    public override void SetKeys(Metadata metadata, Settings config)
    {
        SetCommonKeys(metadata, config);
        metadata.Set(Key("embedding_scale"), config.Number("scale_emb"));
        metadata.Set(Key("residual_scale"), config.Number("scale_depth") / Math.Sqrt(BlockCount(config)));
        metadata.Set(Key("logit_scale"), config.Size("hidden_size") / (double)config.Size("dim_model_base"));
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config) =>
        Vocabulary.Set(metadata, folder, config, new VocabularyOptions());

    public override IEnumerable<(string Name, TensorValues Values)> Extra(Settings config)
    {
        var rope = new RopeSettings(config);
        foreach (string kind in (string[])["long", "short"])
        {
            if (rope.Numbers($"{kind}_factor") is not double[] factors)
                continue;
            if (factors.Length != HeadSize(config) / 2)
                throw new CheckpointException(
                    config.Path,
                    $"rope_scaling.{kind}_factor has {factors.Length} numbers, not {HeadSize(config) / 2}."
                );
            yield return (
                $"rope_factors_{kind}.weight",
                TensorValues.Of([factors.Length], Array.ConvertAll(factors, static factor => (float)factor))
            );
        }
    }
}
