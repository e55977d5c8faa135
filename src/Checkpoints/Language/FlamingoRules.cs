using System.Globalization;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// What OpenFlamingo adds to language models of both kinds, and its resampler: tensors and keys. Source: mlfoundations/open_flamingo,
/// open_flamingo/src/helpers.py and factory.py.
/// </summary>
internal static class FlamingoRules
{
    /// <summary>Heads of the resampler's and of the crossings' attention, and values of each.</summary>
    public const long HeadCount = 8,
        HeadWidth = 64;

    /// <summary>The blocks in front of a language model's, whose names begin so.</summary>
    public static IEnumerable<TensorRule> Crossings(string layer, Settings config)
    {
        long interval = Interval(config);
        bool IsIn(long block) => (block + 1) % interval == 0;
        string from = layer + "gated_cross_attn_layer.",
            to = "blk.{}.xattn_";
        TensorRule[] rules =
        [
            new(from + "attn.norm", to + "norm", "H"),
            new(from + "attn.to_q", to + "q", "QH"),
            new(from + "attn.to_kv", "", "") { Split = values => Halves(values, to + "k", to + "v") },
            new(from + "attn.to_out", to + "output", "HQ"),
            new(from + "ff.0", to + "ffn_norm", "H"),
            new(from + "ff.1", to + "ffn_up", "4H"),
            new(from + "ff.3", to + "ffn_down", "H4"),
            new(from + "attn_gate", to + "attn_gate", "1") { IsWhole = true },
            new(from + "ff_gate", to + "ffn_gate", "1") { IsWhole = true },
        ];
        return rules.Select(rule => rule with { IsIn = IsIn });
    }

    /// <summary>The letters of their shapes beside the language model's.</summary>
    public static (char, long)[] Letters(long width) => [('Q', HeadCount * HeadWidth), ('4', 4 * width), ('1', 1)];

    /// <summary>Sets the keys that say how pictures are looked at.</summary>
    public static void SetKeys(Metadata metadata, string architecture, Settings config)
    {
        metadata.Set($"{architecture}.cross_attention.interval", Interval(config));
        metadata.Set($"{architecture}.cross_attention.head_count", HeadCount);
        metadata.Set($"{architecture}.cross_attention.key_length", HeadWidth);
    }

    /// <summary>The resampler's tensors.</summary>
    public static IEnumerable<TensorRule> Perceiver(long depth)
    {
        yield return new("perceiver.latents", "perceiver.latents", "LE") { IsWhole = true, IsFull = true };
        yield return new("perceiver.norm", "perceiver.norm", "E");
        for (long block = 0; block < depth; block++)
        {
            string number = block.ToString(CultureInfo.InvariantCulture),
                attention = $"perceiver.layers.{number}.0.",
                feedForward = $"perceiver.layers.{number}.1.",
                target = $"perceiver.blk.{number}.";
            yield return new(attention + "norm_media", target + "norm_media", "E");
            yield return new(attention + "norm_latents", target + "norm_latents", "E");
            yield return new(attention + "to_q", target + "q", "AE");
            yield return new(attention + "to_kv", "", "BE") { Split = values => Halves(values, target + "k", target + "v") };
            yield return new(attention + "to_out", target + "out", "EA");
            yield return new(feedForward + "0", target + "ffn_norm", "E");
            yield return new(feedForward + "1", target + "ffn_up", "4E");
            yield return new(feedForward + "3", target + "ffn_down", "E4");
        }
    }

    private static long Interval(Settings config) => config.Size("cross_attn_every_n_layers");

    private static IEnumerable<(string Target, TensorValues Values)> Halves(TensorValues values, string first, string second)
    {
        long half = values.Shape[0] / 2;
        yield return (first, values.Slice(0, half));
        yield return (second, values.Slice(half, half));
    }
}
