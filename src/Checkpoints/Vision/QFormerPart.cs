using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// A Q-Former: its dimensions, keys and tensors, named as in huggingface/transformers v5.12, models/blip_2 and models/instructblip;
/// docs/gguf.md.
/// </summary>
/// <param name="config">Its configuration, which may leave out what its class says.</param>
/// <param name="queryCount">Its learned queries.</param>
/// <param name="readsText">Whether it reads an instruction.</param>
internal sealed class QFormerPart(Settings config, long queryCount, bool readsText)
{
    // Blip2QFormerConfig's own, which are BERT's.
    private const string Defaults = """
        {"vocab_size":30522,"hidden_size":768,"num_hidden_layers":12,"num_attention_heads":12,"intermediate_size":3072,"hidden_act":"gelu",
         "max_position_embeddings":512,"layer_norm_eps":1e-12,"cross_attention_frequency":2}
        """;

    private readonly Settings former = Settings.Merge(config, new Settings(config.Path, JsonDocument.Parse(Defaults).RootElement));

    public long Width => former.Size("hidden_size");

    /// <summary>Rows of the table of pieces.</summary>
    public long VocabularySize => former.Size("vocab_size");

    /// <summary>The letters of the rules' shapes: width and feed-forward; those of the features are the tower's.</summary>
    public (char, long)[] Letters =>
        [('D', Width), ('F', former.Size("intermediate_size")), ('V', VocabularySize), ('T', former.Size("max_position_embeddings"))];

    /// <summary>Sets its keys.</summary>
    public void SetKeys(Metadata metadata)
    {
        if (former.TryText("hidden_act") is not "gelu")
            throw new CheckpointException(
                former.Path,
                $"the Q-Former's activation '{CheckpointFolder.Shown(former.TryText("hidden_act") ?? "none")}' is not known."
            );
        metadata.Set("clip.qformer.attention.head_count", former.Size("num_attention_heads"));
        double epsilon = former.Number("layer_norm_eps");
        if (epsilon != 1e-12)
            metadata.Set("clip.qformer.attention.layer_norm_epsilon", epsilon);
    }

    /// <summary>The tensors.</summary>
    public IEnumerable<TensorRule> Rules()
    {
        yield return new TensorRule("query_tokens", "qformer.query", "")
        {
            IsWhole = true,
            IsFull = true,
            Change = values => values.Reshape(queryCount, Width),
        };
        yield return new TensorRule(readsText ? "qformer.embeddings.layernorm" : "qformer.layernorm", "qformer.norm", "D");
        if (readsText)
        {
            yield return new TensorRule("qformer.embeddings.word_embeddings", "qformer.tok_embd", "VD");
            yield return new TensorRule("qformer.embeddings.position_embeddings", "qformer.pos_embd", "TD");
        }

        long blockCount = former.Size("num_hidden_layers"),
            frequency = former.Size("cross_attention_frequency");
        for (long block = 0; block < blockCount; block++)
            foreach (TensorRule rule in Block(block, looksAtFeatures: block % frequency == 0))
                yield return rule;
    }

    private IEnumerable<TensorRule> Block(long block, bool looksAtFeatures)
    {
        string number = block.ToString(CultureInfo.InvariantCulture),
            from = $"qformer.encoder.layer.{number}.",
            to = $"qformer.blk.{number}.";
        foreach (TensorRule rule in Attention(from + "attention.", to + "attn", "D"))
            yield return rule;
        if (looksAtFeatures)
            foreach (TensorRule rule in Attention(from + "crossattention.", to + "xattn", "E"))
                yield return rule;
        foreach (TensorRule rule in FeedForward(from, to + "ffn_q", "_query"))
            yield return rule;
        if (readsText)
            foreach (TensorRule rule in FeedForward(from, to + "ffn", ""))
                yield return rule;
    }

    private static TensorRule[] Attention(string from, string to, string inputs) =>
        [
            new(from + "attention.query", to + "_q", "DD"),
            new(from + "attention.key", to + "_k", "D" + inputs),
            new(from + "attention.value", to + "_v", "D" + inputs),
            new(from + "output.dense", to + "_out", "DD"),
            new(from + "output.LayerNorm", to + "_out_norm", "D"),
        ];

    private static TensorRule[] FeedForward(string from, string to, string kind) =>
        [
            new($"{from}intermediate{kind}.dense", to + "_up", "FD"),
            new($"{from}output{kind}.dense", to + "_down", "DF"),
            new($"{from}output{kind}.LayerNorm", to + "_norm", "D"),
        ];
}
