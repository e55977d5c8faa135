using System.Globalization;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// BLIP's text encoder, which reads beside the tower: its dimensions, keys, pieces and tensors. Names: huggingface/transformers v5.12,
/// models/blip/modeling_blip_text.py, BlipTextModel; docs/gguf.md.
/// </summary>
/// <param name="config">The text configuration.</param>
internal sealed class BlipTextPart(Settings config)
{
    /// <summary>The letters of the rules' shapes: width, feed-forward, pieces, positions; those of the features are the tower's.</summary>
    public (char, long)[] Letters =>
        [
            ('D', config.Size("hidden_size")),
            ('F', config.Size("intermediate_size")),
            ('V', config.Size("vocab_size")),
            ('T', config.Size("max_position_embeddings")),
        ];

    /// <summary>Sets its keys, and the pieces that it reads.</summary>
    public void SetKeys(Metadata metadata, CheckpointFolder folder)
    {
        if (config.TryText("hidden_act") is not (null or "gelu"))
            throw config.Wrong("hidden_act", "gelu, as every BLIP has it");
        string[] pieces = WordPieces.Read(folder, config.Size("vocab_size"));
        metadata.Set("clip.text.attention.head_count", config.Size("num_attention_heads"));
        metadata.Set("clip.text.attention.layer_norm_epsilon", config.Number("layer_norm_eps"));
        metadata.Set("clip.text.tokens", pieces);
        // [ENC], which the authors add to BERT's tokens behind [DEC], the decoder's start (salesforce/LAVIS, blip_models/blip.py).
        long start = Array.IndexOf(pieces, "[ENC]") is >= 0 and int known ? known : config.Size("bos_token_id") + 1;
        if (start < config.Size("vocab_size"))
            metadata.Set("clip.text.start_token_id", start);
    }

    /// <summary>The tensors.</summary>
    public IEnumerable<TensorRule> Rules()
    {
        yield return new("text.embeddings.word_embeddings", "t.token_embd", "VD");
        yield return new("text.embeddings.position_embeddings", "t.position_embd", "TD") { IsFull = true };
        yield return new("text.embeddings.LayerNorm", "t.token_embd_norm", "D");
        for (long block = 0; block < config.Size("num_hidden_layers"); block++)
            foreach (TensorRule rule in Block(block.ToString(CultureInfo.InvariantCulture)))
                yield return rule;
    }

    private static IEnumerable<TensorRule> Block(string number)
    {
        string from = $"text.encoder.layer.{number}.",
            to = $"t.blk.{number}.";
        return
        [
            .. Attention(from + "attention", to + "attn", "D"),
            .. Attention(from + "crossattention", to + "xattn", "E"),
            new(from + "intermediate.dense", to + "ffn_up", "FD"),
            new(from + "output.dense", to + "ffn_down", "DF"),
            new(from + "output.LayerNorm", to + "ffn_norm", "D"),
        ];
    }

    private static IEnumerable<TensorRule> Attention(string from, string to, string inputs)
    {
        yield return new($"{from}.self.query", to + "_q", "DD");
        yield return new($"{from}.self.key", to + "_k", "D" + inputs);
        yield return new($"{from}.self.value", to + "_v", "D" + inputs);
        yield return new($"{from}.output.dense", to + "_out", "DD");
        yield return new($"{from}.output.LayerNorm", to + "_out_norm", "D");
    }
}
