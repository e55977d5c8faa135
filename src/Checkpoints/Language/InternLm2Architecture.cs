using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>InternLM 2 and 2.5: queries, keys and values in one matrix, group by group of the heads that share keys.</summary>
internal sealed class InternLm2Architecture : LanguageArchitecture
{
    private const string ChatEnd = "<|im_end|>";

    public override string Name => "internlm2";

    public override IReadOnlyList<TensorRule> Rules(Settings config) =>
        [
            new("model.tok_embeddings", "token_embd", "VH"),
            new("model.norm", "output_norm", "H"),
            new("output", "output", "VH"),
            new("model.layers.{}.attention_norm", "blk.{}.attn_norm", "H"),
            new("model.layers.{}.ffn_norm", "blk.{}.ffn_norm", "H"),
            new("model.layers.{}.attention.wqkv", "", "WH")
            {
                Split = values => Split(values, HeadCount(config), KeyValueHeadCount(config), HeadSize(config)),
            },
            new("model.layers.{}.attention.wo", "blk.{}.attn_output", "HQ"),
            new("model.layers.{}.feed_forward.w1", "blk.{}.ffn_gate", "FH"),
            new("model.layers.{}.feed_forward.w3", "blk.{}.ffn_up", "FH"),
            new("model.layers.{}.feed_forward.w2", "blk.{}.ffn_down", "HF"),
        ];

    public override Dimensions Dimensions(Settings config)
    {
        Dimensions common = base.Dimensions(config);
        return new Dimensions(
            ('H', common['H']),
            ('F', common['F']),
            ('V', common['V']),
            ('Q', common['Q']),
            ('W', common['Q'] + 2 * common['K'])
        );
    }

    public override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config)
    {
        bool addsSpace =
            folder.TryReadBytes("tokenizer.model") is not byte[] bytes
            || SentencePieceModel.Read(folder.PathOf("tokenizer.model"), bytes).AddsSpacePrefix;
        metadata.Set("tokenizer.ggml.add_space_prefix", addsSpace);
        Vocabulary.Set(
            metadata,
            folder,
            config,
            new VocabularyOptions
            {
                Change = static table =>
                {
                    for (int id = 0; id < table.Count; id++)
                    {
                        // libllama would take the character for the end of the text.
                        if (table.Text(id) == "\0")
                            table.Set(id, "🐉", 0, table.Kind(id));
                        if (table.Text(id).StartsWith("[UNUSED", StringComparison.Ordinal))
                            table.Set(id, table.Text(id), 0, TokenKind.Unused);
                    }
                },
                ChangeSpecials = static (specials, find) =>
                {
                    if (find(ChatEnd) is long end)
                        specials.Replace("eos", end);
                },
            }
        );
    }

    private static IEnumerable<(string Target, TensorValues Values)> Split(
        TensorValues values,
        long headCount,
        long keyHeadCount,
        long headSize
    )
    {
        long perGroup = headCount / keyHeadCount,
            group = (perGroup + 2) * headSize;
        TensorValues queries = values.Gather(
            headCount * headSize,
            row => row / (perGroup * headSize) * group + row % (perGroup * headSize)
        );
        TensorValues keys = values.Gather(keyHeadCount * headSize, row => row / headSize * group + perGroup * headSize + row % headSize);
        TensorValues kept = values.Gather(
            keyHeadCount * headSize,
            row => row / headSize * group + (perGroup + 1) * headSize + row % headSize
        );
        yield return ("blk.{}.attn_q", PairRotaryRows(queries, headCount));
        yield return ("blk.{}.attn_k", PairRotaryRows(keys, keyHeadCount));
        yield return ("blk.{}.attn_v", kept);
    }
}
