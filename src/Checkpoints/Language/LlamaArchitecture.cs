using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>Llama 1, 2, 3 and what has their form: Vicuna, Mistral, Yi, InternLM 3, MiniCPM 4.</summary>
internal class LlamaArchitecture : LanguageArchitecture
{
    // A vocabulary of this length is CodeLlama's, whose infill tokens are named nowhere.
    private const long CodeLlamaVocabularySize = 32016;

    public override string Name => "llama";

    public override IReadOnlyList<TensorRule> Rules(Settings config) => LlamaRules(config, pairsRotaryRows: true);

    public override void SetKeys(Metadata metadata, Settings config)
    {
        SetCommonKeys(metadata, config);
        metadata.Set(Key("vocab_size"), config.Size("vocab_size"));
        metadata.Set(Key("rope.dimension_count"), HeadSize(config));
        // transformers' classes always know the size of a head.
        metadata.Set(Key("attention.key_length"), HeadSize(config));
        metadata.Set(Key("attention.value_length"), HeadSize(config));
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config)
    {
        if (folder.TryReadSettings("tokenizer_config.json")?.TryFlag("add_prefix_space") is bool addsSpace)
            metadata.Set("tokenizer.ggml.add_space_prefix", addsSpace);
        Vocabulary.Set(metadata, folder, config, new VocabularyOptions { Size = TokenCount(config) });
        if (config.TryCount("vocab_size") != CodeLlamaVocabularySize)
            return;
        foreach (
            (string name, long id) in (ReadOnlySpan<(string, long)>)
                [("prefix", 32007), ("suffix", 32008), ("middle", 32009), ("eot", 32010)]
        )
            metadata.Set($"tokenizer.ggml.{name}_token_id", id);
    }

    /// <summary>Tokens of the vocabulary.</summary>
    protected virtual long TokenCount(Settings config) => config.Size("vocab_size");

    // Llama 3.1's frequencies, slowed by a factor that depends on their wavelength. Source: conversion/llama.py; meta-llama/llama-models,
    // models/llama3/model.py, apply_scaling.
    public override IEnumerable<(string Name, TensorValues Values)> Extra(Settings config)
    {
        var rope = new RopeSettings(config);
        if (rope.Scaling != "llama3")
            yield break;
        double factor = rope.Number("factor") ?? 8,
            low = rope.Number("low_freq_factor") ?? 1,
            high = rope.Number("high_freq_factor") ?? 4;
        double context = rope.OriginalContext ?? 8192;
        long size = HeadSize(config);
        var factors = new float[size / 2];
        for (int index = 0; index < factors.Length; index++)
        {
            // The base's power and the reciprocal are taken in single precision there.
            float frequency = 1.0f / (float)Math.Pow(rope.Base ?? 10000.0, 2 * index / (float)size);
            float wavelength = (float)(2 * Math.PI) / frequency;
            float smooth = (float)(((float)context / wavelength - low) / (high - low));
            factors[index] =
                wavelength < context / high ? 1
                : wavelength > context / low ? (float)factor
                : 1 / ((1 - smooth) / (float)factor + smooth);
        }

        yield return ("rope_freqs.weight", TensorValues.Of([factors.Length], factors));
    }
}
