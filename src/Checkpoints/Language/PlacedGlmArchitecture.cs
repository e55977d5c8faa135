using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// GLM-4 as GLM-4V needs it: rows may share a position and still not see later ones, which libllama's chatglm cannot do. Its qwen2vl has
/// the same blocks, and four axes of positions: the first masks, and with sections [0, n / 4, 0, n / 4] of a head's n channels the second
/// turns those that GLM turns, the fourth, always 0, none of the others (docs/gguf.md).
/// </summary>
internal sealed class PlacedGlmArchitecture : LanguageArchitecture
{
    public override string Name => "qwen2vl";

    public override string Canonical(string name) =>
        name.StartsWith("transformer.", StringComparison.Ordinal) ? name["transformer.".Length..] : name;

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            new("embedding.word_embeddings", "token_embd", "VH"),
            new("encoder.final_layernorm", "output_norm", "H"),
            new("output_layer", "output", "VH"),
            new("encoder.layers.{}.input_layernorm", "blk.{}.attn_norm", "H"),
            new("encoder.layers.{}.post_attention_layernorm", "blk.{}.ffn_norm", "H"),
            new("encoder.layers.{}.self_attention.query_key_value", "", "WH") { Split = values => SplitAttention(values, config) },
            new("encoder.layers.{}.self_attention.dense", "blk.{}.attn_output", "HQ"),
            new("encoder.layers.{}.mlp.dense_h_to_4h", "", "GH") { Split = SplitGate },
            new("encoder.layers.{}.mlp.dense_4h_to_h", "blk.{}.ffn_down", "HF"),
        ];

    public override Dimensions Dimensions(Settings config)
    {
        long queries = HeadCount(config) * Head(config),
            feedForward = config.Size("ffn_hidden_size");
        return new Dimensions(
            ('H', config.Size("hidden_size")),
            ('F', feedForward),
            ('G', 2 * feedForward),
            ('V', VocabularySize(config)),
            ('Q', queries),
            ('W', queries + 2 * KeyHeads(config) * Head(config))
        );
    }

    public override long BlockCount(Settings config) => config.Size("num_layers", "num_hidden_layers");

    public override void SetKeys(Metadata metadata, Settings config)
    {
        long head = Head(config);
        if (head % 4 != 0 || HeadCount(config) * head != config.Size("hidden_size"))
            throw new CheckpointException(
                config.Path,
                $"heads of {head} channels (kv_channels) are no multiple of 4, or do not make hidden_size."
            );
        metadata.Set(Key("context_length"), config.TryCount("seq_length") ?? config.Size("hidden_size"));
        metadata.Set(Key("embedding_length"), config.Size("hidden_size"));
        metadata.Set(Key("feed_forward_length"), config.Size("ffn_hidden_size"));
        metadata.Set(Key("block_count"), BlockCount(config));
        metadata.Set(Key("attention.head_count"), HeadCount(config));
        metadata.Set(Key("attention.head_count_kv"), KeyHeads(config));
        metadata.Set(Key("attention.layer_norm_rms_epsilon"), config.TryNumber("layernorm_epsilon") ?? 1e-5);
        metadata.Set(Key("rope.dimension_count"), head);
        metadata.Set(Key("rope.dimension_sections"), [0, (int)(head / 4), 0, (int)(head / 4)]);
        // Frequencies fall over twice as many channels as GLM turns.
        metadata.Set(Key("rope.freq_base"), Math.Pow(10000 * (config.TryNumber("rope_ratio") ?? 1), 2));
        metadata.Set("tokenizer.ggml.add_bos_token", false);
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config)
    {
        VocabularyOptions options = Glm4Architecture.Options("chatglm-bpe", VocabularySize(config), setsBos: false);
        Vocabulary.Set(
            metadata,
            folder,
            config,
            options with
            {
                ChangeSpecials = (specials, find) =>
                {
                    options.ChangeSpecials!(specials, find);
                    // The third of the tokens that end an answer (config.json, eos_token_id).
                    specials.SetIfUnknown("eom", find("<|observation|>"));
                },
            }
        );
    }

    private static long Head(Settings config) => config.TryCount("kv_channels") ?? config.Size("hidden_size") / HeadCount(config);

    private static long KeyHeads(Settings config) =>
        config.TryFlag("multi_query_attention") == false
            ? HeadCount(config)
            : config.TryCount("multi_query_group_num") ?? HeadCount(config);

    private static long VocabularySize(Settings config) => config.Size("padded_vocab_size", "vocab_size");

    private static IEnumerable<(string Target, TensorValues Values)> SplitAttention(TensorValues values, Settings config)
    {
        long head = Head(config),
            queries = HeadCount(config) * head,
            keys = KeyHeads(config) * head;
        yield return ("blk.{}.attn_q", Turned(values.Slice(0, queries), head));
        yield return ("blk.{}.attn_k", Turned(values.Slice(queries, keys), head));
        yield return ("blk.{}.attn_v", values.Slice(queries + keys, keys));
    }

    private static IEnumerable<(string Target, TensorValues Values)> SplitGate(TensorValues values)
    {
        long half = values.Shape[0] / 2;
        yield return ("blk.{}.ffn_gate", values.Slice(0, half));
        yield return ("blk.{}.ffn_up", values.Slice(half, half));
    }

    // GLM turns neighbours of a head's first half; qwen2vl's pairs are half a head apart, of which the first half turns.
    private static TensorValues Turned(TensorValues values, long head)
    {
        long quarter = head / 4;
        return values.Gather(
            values.Shape[0],
            row =>
            {
                (long part, long within) = Math.DivRem(row % head, quarter);
                long source = part switch
                {
                    0 => 2 * within,
                    1 => 2 * quarter + within,
                    2 => 2 * within + 1,
                    _ => 3 * quarter + within,
                };
                return row - row % head + source;
            }
        );
    }
}
