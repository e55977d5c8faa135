using Tessera.Gguf;

namespace Tessera.Synthetic;

/// <summary>A T5 with random weights: encoder, decoder, gated feed-forward networks and a head of its own, as FLAN-T5 has them.</summary>
internal static class SyntheticT5
{
    private const int ContextLength = 512;
    private const int Buckets = 32;

    public static void Write(GgufWriter writer, LanguageShape shape)
    {
        int head = shape.Width / shape.Heads;
        writer.AddMetadata("general.architecture", "t5");
        foreach (
            (string key, int value) in ((string, int)[])
                [
                    ("vocab_size", shape.VocabularySize),
                    ("context_length", ContextLength),
                    ("embedding_length", shape.Width),
                    ("block_count", shape.Blocks),
                    ("decoder_block_count", shape.Blocks),
                    ("feed_forward_length", shape.FeedForward),
                    ("attention.head_count", shape.Heads),
                    ("attention.key_length", head),
                    ("attention.value_length", head),
                    ("attention.relative_buckets_count", Buckets),
                    ("decoder_start_token_id", 0),
                ]
        )
            writer.AddMetadata($"t5.{key}", (uint)value);
        writer.AddMetadata("t5.attention.layer_norm_epsilon", 1e-6f);
        writer.AddMetadata("t5.attention.layer_norm_rms_epsilon", 1e-6f);
        SyntheticVocabulary.WriteUnigram(writer, shape.VocabularySize);
        var weights = new SyntheticWeights(writer, GgufTensorType.Q8_0) { LanguageWidth = shape.Width };
        weights.Matrix("token_embd.weight", shape.Width, shape.VocabularySize);
        weights.Matrix("output.weight", shape.Width, shape.VocabularySize);
        foreach (string side in (string[])["enc", "dec"])
        {
            weights.Vector($"{side}.output_norm.weight", shape.Width, 1);
            weights.Half($"{side}.blk.0.attn_rel_b.weight", shape.Heads, Buckets);
            for (int block = 0; block < shape.Blocks; block++)
                WriteBlock(weights, shape, $"{side}.blk.{block}.", looksAtEncoder: side == "dec");
        }
    }

    private static void WriteBlock(SyntheticWeights weights, LanguageShape shape, string prefix, bool looksAtEncoder)
    {
        string[] layers = looksAtEncoder ? ["attn", "cross_attn"] : ["attn"];
        foreach (string layer in layers)
        {
            weights.Vector($"{prefix}{layer}_norm.weight", shape.Width, 1);
            foreach (string part in (string[])["q", "k", "v", "o"])
                weights.Matrix($"{prefix}{layer}_{part}.weight", shape.Width, shape.Width);
        }

        weights.Vector(prefix + "ffn_norm.weight", shape.Width, 1);
        weights.Matrix(prefix + "ffn_gate.weight", shape.Width, shape.FeedForward);
        weights.Matrix(prefix + "ffn_up.weight", shape.Width, shape.FeedForward);
        weights.Matrix(prefix + "ffn_down.weight", shape.FeedForward, shape.Width);
    }
}
