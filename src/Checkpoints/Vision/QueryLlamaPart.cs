using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// InternVL-14B's QLLaMA: its dimensions, keys and tensors. Names: OpenGVLab/InternVL,
/// internvl_chat_llava/llava/model/multimodal_encoder/internvl_14b/modeling_internvl.py and modeling_qllama.py; docs/gguf.md.
/// </summary>
internal sealed class QueryLlamaPart
{
    // InternVLConfig's own, and those of LlamaConfig that it keeps (huggingface/transformers v4.37, models/llama/configuration_llama.py).
    private const string Defaults = """{"num_query_token":96,"cross_attention_frequency":2,"use_backbone_lora":0,"use_qllama_lora":0}""";

    private const string LlamaDefaults = """
        {"hidden_size":4096,"intermediate_size":11008,"num_hidden_layers":32,"num_attention_heads":32,"hidden_act":"silu",
         "rms_norm_eps":1e-6}
        """;

    private readonly Settings whole;
    private readonly Settings llama;

    /// <param name="config">The configuration of InternVL-14B.</param>
    /// <exception cref="CheckpointException">Its weights are other than the plain ones.</exception>
    public QueryLlamaPart(Settings config)
    {
        whole = Settings.Merge(config, Parsed(config, Defaults));
        llama = Settings.Merge(config.Child("qllama_config") ?? Parsed(config, "{}"), Parsed(config, LlamaDefaults));
        foreach (string adapters in (ReadOnlySpan<string>)["use_backbone_lora", "use_qllama_lora"])
            if (whole.TryCount(adapters) is > 0)
                throw new CheckpointException(config.Path, $"{adapters} is set, so its weights lie in adapters, which is not supported.");
        if (llama.TryText("hidden_act") is not "silu")
            throw new CheckpointException(
                config.Path,
                $"QLLaMA's activation '{CheckpointFolder.Shown(llama.TryText("hidden_act") ?? "none")}' is not known."
            );
    }

    private long Width => llama.Size("hidden_size");

    /// <summary>The letters of the rules' shapes: width and feed-forward; that of the features is the tower's.</summary>
    public (char, long)[] Letters => [('Q', Width), ('F', llama.Size("intermediate_size"))];

    /// <summary>Whether a picture needs a tensor of InternVL-14B's folder; retrieval and captions need others too.</summary>
    public static bool Needs(string name) =>
        name is "query_tokens"
        || name.StartsWith("qllama.model.norm.", StringComparison.Ordinal)
        || name.StartsWith("qllama.model.layers.", StringComparison.Ordinal) && !name.Contains(".rotary_emb.", StringComparison.Ordinal);

    /// <summary>Sets its keys.</summary>
    public void SetKeys(Metadata metadata)
    {
        metadata.Set("clip.qllama.attention.head_count", llama.Size("num_attention_heads"));
        metadata.Set("clip.qllama.attention.layer_norm_rms_epsilon", llama.Number("rms_norm_eps"));
    }

    /// <summary>The tensors, named <c>tower.*</c>.</summary>
    public IEnumerable<TensorRule> Rules()
    {
        yield return new TensorRule("tower.query_tokens", "qllama.query", "")
        {
            IsWhole = true,
            IsFull = true,
            Change = values => values.Reshape(whole.Size("num_query_token"), Width),
        };
        yield return new TensorRule("tower.qllama.model.norm", "qllama.norm", "Q");
        long blockCount = llama.Size("num_hidden_layers"),
            frequency = whole.Size("cross_attention_frequency");
        for (long block = 0; block < blockCount; block++)
            foreach (TensorRule rule in Block(block, looks: block % frequency == 0))
                yield return rule;
    }

    private static IEnumerable<TensorRule> Block(long block, bool looks)
    {
        string number = block.ToString(CultureInfo.InvariantCulture),
            from = $"tower.qllama.model.layers.{number}.",
            to = $"qllama.blk.{number}.";
        foreach (TensorRule rule in Attention(from + "self_attn.", to + "attn", "Q"))
            yield return rule;
        yield return new TensorRule(from + "input_layernorm", to + "attn_norm", "Q");
        if (looks)
        {
            foreach (TensorRule rule in Attention(from + "cross_attn.", to + "xattn", "E"))
                yield return rule;
            yield return new TensorRule(from + "cross_attn.norm1", to + "xattn_norm", "Q");
            yield return new TensorRule(from + "cross_attn.norm2", to + "xattn_norm_kv", "E");
        }

        yield return new TensorRule(from + "post_attention_layernorm", to + "ffn_norm", "Q");
        yield return new TensorRule(from + "mlp.gate_proj", to + "ffn_gate", "FQ");
        yield return new TensorRule(from + "mlp.up_proj", to + "ffn_up", "FQ");
        yield return new TensorRule(from + "mlp.down_proj", to + "ffn_down", "QF");
    }

    private static TensorRule[] Attention(string from, string to, string inputs) =>
        [
            new(from + "q_proj", to + "_q", "QQ"),
            new(from + "k_proj", to + "_k", "Q" + inputs),
            new(from + "v_proj", to + "_v", "Q" + inputs),
            new(from + "o_proj", to + "_out", "QQ"),
        ];

    private static Settings Parsed(Settings config, string json) => new(config.Path, JsonDocument.Parse(json).RootElement);
}
