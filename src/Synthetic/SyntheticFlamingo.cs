using Tessera.Gguf;

namespace Tessera.Synthetic;

/// <summary>OpenFlamingo's MPT with random weights.</summary>
internal static class SyntheticFlamingo
{
    private const int ContextLength = 2048,
        Heads = 8,
        Head = 64;

    public static void Write(GgufWriter writer, LanguageShape shape)
    {
        writer.AddMetadata("general.architecture", "flamingo-mpt");
        foreach (
            (string key, int value) in ((string, int)[])
                [
                    ("vocab_size", shape.VocabularySize),
                    ("context_length", ContextLength),
                    ("embedding_length", shape.Width),
                    ("block_count", shape.Blocks),
                    ("feed_forward_length", shape.FeedForward),
                    ("attention.head_count", shape.Heads),
                    ("cross_attention.interval", shape.CrossingInterval),
                    ("cross_attention.head_count", Heads),
                    ("cross_attention.key_length", Head),
                    ("cross_attention.memory_length", shape.MemoryWidth),
                ]
        )
            writer.AddMetadata($"flamingo-mpt.{key}", (uint)value);
        writer.AddMetadata("flamingo-mpt.attention.layer_norm_epsilon", 1e-5f);
        writer.AddMetadata("flamingo-mpt.attention.max_alibi_bias", 8f);
        SyntheticVocabulary.Write(writer, shape.VocabularySize);
        var weights = new SyntheticWeights(writer, GgufTensorType.Q8_0) { LanguageWidth = shape.Width };
        weights.Matrix("token_embd.weight", shape.Width, shape.VocabularySize);
        weights.Vector("output_norm.weight", shape.Width, 1);
        for (int block = 0; block < shape.Blocks; block++)
        {
            string prefix = $"blk.{block}.";
            weights.Vector(prefix + "attn_norm.weight", shape.Width, 1);
            weights.Matrix(prefix + "attn_qkv.weight", shape.Width, 3 * shape.Width);
            weights.Matrix(prefix + "attn_output.weight", shape.Width, shape.Width);
            weights.Vector(prefix + "ffn_norm.weight", shape.Width, 1);
            weights.Matrix(prefix + "ffn_up.weight", shape.Width, shape.FeedForward);
            weights.Matrix(prefix + "ffn_down.weight", shape.FeedForward, shape.Width);
            if ((block + 1) % shape.CrossingInterval == 0)
                WriteCrossing(weights, prefix + "xattn_", shape);
        }
    }

    private static void WriteCrossing(SyntheticWeights weights, string prefix, LanguageShape shape)
    {
        const int Inner = Heads * Head;
        weights.Norm(prefix + "norm", shape.Width);
        weights.Matrix(prefix + "q.weight", shape.Width, Inner);
        weights.Matrix(prefix + "k.weight", shape.MemoryWidth, Inner);
        weights.Matrix(prefix + "v.weight", shape.MemoryWidth, Inner);
        weights.Matrix(prefix + "output.weight", Inner, shape.Width);
        weights.Norm(prefix + "ffn_norm", shape.Width);
        weights.Matrix(prefix + "ffn_up.weight", shape.Width, 4 * shape.Width);
        weights.Matrix(prefix + "ffn_down.weight", 4 * shape.Width, shape.Width);
        weights.Vector(prefix + "attn_gate", 1, 0.5f);
        weights.Vector(prefix + "ffn_gate", 1, 0.5f);
    }
}
