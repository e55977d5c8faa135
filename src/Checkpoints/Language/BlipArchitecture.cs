using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// BLIP's text decoder, a BERT that looks at a picture or at a question's states. libllama does not know it; names and keys: docs/gguf.md.
/// Source: huggingface/transformers v5.12, models/blip/modeling_blip_text.py, BlipTextLMHeadModel.
/// </summary>
/// <param name="name"><c>blip</c> for captions, <c>blip-vqa</c> for answers.</param>
internal sealed class BlipArchitecture(string name) : LanguageArchitecture
{
    private const long ReleasedEnd = 102;
    private const string Layer = "bert.encoder.layer.{}.";

    public override string Name => name;

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            new("bert.embeddings.word_embeddings", "token_embd", "VH"),
            new("bert.embeddings.position_embeddings", "position_embd", "PH") { IsFull = true },
            new("bert.embeddings.LayerNorm", "token_embd_norm", "H"),
            .. Attention("attention", "attn", "H"),
            .. Attention("crossattention", "xattn", "M"),
            new(Layer + "intermediate.dense", "blk.{}.ffn_up", "FH"),
            new(Layer + "output.dense", "blk.{}.ffn_down", "HF"),
            new(Layer + "output.LayerNorm", "blk.{}.layer_output_norm", "H"),
            new("cls.predictions.transform.dense", "cls", "HH"),
            new("cls.predictions.transform.LayerNorm", "cls.norm", "H"),
            config.TryFlag("tie_word_embeddings") == false
                ? new("cls.predictions.decoder", "output", "VH")
                : new("cls.predictions.bias", "output.bias", "V") { IsWhole = true },
        ];

    public override Dimensions Dimensions(Settings config) =>
        new(
            ('H', config.Size("hidden_size")),
            ('F', config.Size("intermediate_size")),
            ('V', config.Size("vocab_size")),
            ('P', config.Size("max_position_embeddings")),
            ('M', config.Size("encoder_hidden_size"))
        );

    public override void SetKeys(Metadata metadata, Settings config)
    {
        if (config.TryText("hidden_act") is not (null or "gelu"))
            throw config.Wrong("hidden_act", "gelu, as every BLIP has it");
        metadata.Set(Key("block_count"), BlockCount(config));
        metadata.Set(Key("context_length"), config.Size("max_position_embeddings"));
        metadata.Set(Key("embedding_length"), config.Size("hidden_size"));
        metadata.Set(Key("feed_forward_length"), config.Size("intermediate_size"));
        metadata.Set(Key("attention.head_count"), HeadCount(config));
        metadata.Set(Key("attention.layer_norm_epsilon"), config.Number("layer_norm_eps"));
        metadata.Set(Key("cross_attention.memory_length"), config.Size("encoder_hidden_size"));
    }

    // The decoder's start, [DEC], is no token of BERT's tokenizer; it ends with BERT's [SEP].
    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config)
    {
        long start = config.Size("bos_token_id"),
            end = config.TryCount("sep_token_id") ?? ReleasedEnd;
        var options = new VocabularyOptions
        {
            Change = table =>
            {
                if (table.Kind(start) == TokenKind.Unused)
                    table.Set(start, "[DEC]", 0, TokenKind.Control);
                if (start + 1 < table.Count && table.Kind(start + 1) == TokenKind.Unused)
                    table.Set(start + 1, "[ENC]", 0, TokenKind.Control);
            },
            ChangeSpecials = (specials, find) =>
            {
                specials.Replace("bos", start);
                specials.Replace("eos", end);
                specials.Replace("sep", end);
                foreach ((string type, string text) in ((string, string)[])[("unk", "[UNK]"), ("pad", "[PAD]"), ("mask", "[MASK]")])
                    specials.SetIfUnknown(type, find(text));
            },
        };
        if (start >= config.Size("vocab_size") || end >= config.Size("vocab_size"))
            throw config.Wrong(start >= config.Size("vocab_size") ? "bos_token_id" : "sep_token_id", "a token of its vocabulary");
        Vocabulary.Set(metadata, folder, config, options);
        metadata.Set("tokenizer.ggml.add_bos_token", true);
        metadata.Set("tokenizer.ggml.add_eos_token", false);
    }

    private static IEnumerable<TensorRule> Attention(string source, string target, string inputs)
    {
        yield return new($"{Layer}{source}.self.query", $"blk.{{}}.{target}_q", "HH");
        yield return new($"{Layer}{source}.self.key", $"blk.{{}}.{target}_k", "H" + inputs);
        yield return new($"{Layer}{source}.self.value", $"blk.{{}}.{target}_v", "H" + inputs);
        yield return new($"{Layer}{source}.output.dense", $"blk.{{}}.{target}_output", "HH");
        yield return new($"{Layer}{source}.output.LayerNorm", $"blk.{{}}.{target}_output_norm", "H");
    }
}
