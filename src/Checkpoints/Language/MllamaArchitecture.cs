using System.Globalization;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// Llama 3.2 Vision's language model: Llama with blocks between that look at pictures. libllama does not know it; keys, names and
/// permutations are those of ollama/ollama, convert/convert_mllama.go and convert_llama.go.
/// </summary>
internal sealed class MllamaArchitecture : LlamaArchitecture
{
    // Rows of the embedding table that the head has no logits for (huggingface/transformers v5.12, MllamaTextModel): the picture's token
    // is the first.
    private const long ExtraTokens = 8;

    public override string Name => "mllama";

    public override IReadOnlyList<TensorRule> Rules(Settings config)
    {
        HashSet<long> crossed = [.. Crossed(config)];
        TensorRule[] shared =
        [
            .. LlamaRules(config, pairsRotaryRows: true)
                .Where(static rule => !rule.Source.Contains(".self_attn.") && rule.Target is not ("token_embd" or "output")),
        ];
        return
        [
            new("model.embed_tokens", "token_embd", "WH"),
            new("lm_head", "output", "VH"),
            .. shared,
            .. Enumerable
                .Range(0, (int)BlockCount(config))
                .SelectMany(block => crossed.Contains(block) ? Crossing(config, block) : Plain(config, block)),
        ];
    }

    public override Dimensions Dimensions(Settings config)
    {
        Dimensions plain = base.Dimensions(config);
        return new Dimensions([.. "HFVQKD".Select(letter => (letter, plain[letter])), ('W', plain['V'] + ExtraTokens), ('1', 1)]);
    }

    public override void SetKeys(Metadata metadata, Settings config)
    {
        base.SetKeys(metadata, config);
        metadata.Set(Key("attention.cross_attention_layers"), [.. Crossed(config).Select(static layer => (int)layer)]);
    }

    protected override long TokenCount(Settings config)
    {
        long size = config.Size("vocab_size"),
            image = config.TryCount("image_token_index", "image_token_id") ?? size;
        return Math.Clamp(image + 1, size, size + ExtraTokens);
    }

    private long[] Crossed(Settings config)
    {
        long count = BlockCount(config);
        double[] layers = config.TryNumbers("cross_attention_layers") ?? [];
        return layers.Length > 0 && layers.All(layer => layer >= 0 && layer < count && layer == Math.Floor(layer))
            ? [.. layers.Select(static layer => (long)layer).Distinct()]
            : throw config.Wrong("cross_attention_layers", "a list of its blocks");
    }

    // The self-attention of one block, from the rules of all.
    private static IEnumerable<TensorRule> Plain(Settings config, int block)
    {
        string number = block.ToString(CultureInfo.InvariantCulture);
        return LlamaRules(config, pairsRotaryRows: true)
            .Where(static rule => rule.Source.Contains(".self_attn."))
            .Select(rule =>
                rule with
                {
                    Source = rule.Source.Replace("{}", number, StringComparison.Ordinal),
                    Target = rule.Target.Replace("{}", number, StringComparison.Ordinal),
                }
            );
    }

    // Queries and keys are permuted as all are, though nothing rotates them; the norms of their heads are not.
    private static IEnumerable<TensorRule> Crossing(Settings config, int block)
    {
        string source = $"model.layers.{block.ToString(CultureInfo.InvariantCulture)}.",
            target = $"blk.{block.ToString(CultureInfo.InvariantCulture)}.";
        yield return new(source + "cross_attn.q_proj", target + "cross_attn_q_proj", "QH")
        {
            Change = values => PairRotaryRows(values, HeadCount(config)),
        };
        yield return new(source + "cross_attn.k_proj", target + "cross_attn_k_proj", "KH")
        {
            Change = values => PairRotaryRows(values, KeyValueHeadCount(config)),
        };
        yield return new(source + "cross_attn.v_proj", target + "cross_attn_v_proj", "KH");
        yield return new(source + "cross_attn.o_proj", target + "cross_attn_o_proj", "HQ");
        yield return new(source + "cross_attn.q_norm", target + "cross_attn_q_norm", "D");
        yield return new(source + "cross_attn.k_norm", target + "cross_attn_k_norm", "D");
        yield return new(source + "cross_attn_attn_gate", target + "cross_attn_attn_gate", "1") { IsWhole = true };
        yield return new(source + "cross_attn_mlp_gate", target + "cross_attn_mlp_gate", "1") { IsWhole = true };
    }
}
