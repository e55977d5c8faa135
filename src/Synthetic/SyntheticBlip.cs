using Tessera.Gguf;

namespace Tessera.Synthetic;

/// <summary>BLIP's text decoder with random weights.</summary>
internal static class SyntheticBlip
{
    private const int ContextLength = 512;

    public static void Write(GgufWriter writer, LanguageShape shape)
    {
        writer.AddMetadata("general.architecture", "blip");
        foreach (
            (string key, int value) in ((string, int)[])
                [
                    ("vocab_size", shape.VocabularySize),
                    ("context_length", ContextLength),
                    ("embedding_length", shape.Width),
                    ("block_count", shape.Blocks),
                    ("feed_forward_length", shape.FeedForward),
                    ("attention.head_count", shape.Heads),
                    ("cross_attention.memory_length", shape.MemoryWidth),
                ]
        )
            writer.AddMetadata($"blip.{key}", (uint)value);
        writer.AddMetadata("blip.attention.layer_norm_epsilon", 1e-12f);
        SyntheticVocabulary.Write(writer, shape.VocabularySize);
        var weights = new SyntheticWeights(writer, GgufTensorType.Q8_0) { LanguageWidth = shape.Width };
        weights.Matrix("token_embd.weight", shape.Width, shape.VocabularySize);
        weights.Values("position_embd.weight", shape.Width, ContextLength);
        weights.Norm("token_embd_norm", shape.Width);
        weights.Linear("cls", shape.Width, shape.Width);
        weights.Norm("cls.norm", shape.Width);
        weights.Vector("output.bias", shape.VocabularySize, 0);
        for (int block = 0; block < shape.Blocks; block++)
        {
            string prefix = $"blk.{block}.";
            WriteAttention(weights, prefix + "attn", shape.Width, shape.Width);
            WriteAttention(weights, prefix + "xattn", shape.Width, shape.MemoryWidth);
            weights.Linear(prefix + "ffn_up", shape.Width, shape.FeedForward);
            weights.Linear(prefix + "ffn_down", shape.FeedForward, shape.Width);
            weights.Norm(prefix + "layer_output_norm", shape.Width);
        }
    }

    private static void WriteAttention(SyntheticWeights weights, string prefix, int width, int inputs)
    {
        weights.Linear(prefix + "_q", width, width);
        weights.Linear(prefix + "_k", inputs, width);
        weights.Linear(prefix + "_v", inputs, width);
        weights.Linear(prefix + "_output", width, width);
        weights.Norm(prefix + "_output_norm", width);
    }
}
