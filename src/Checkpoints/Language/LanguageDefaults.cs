using System.Text.Json;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// What a configuration leaves out because it is the class's default. Released files rely on it: llava-1.5-7b-hf's text_config names no
/// widths. Source: huggingface/transformers v5.12, models/*/configuration_*.py, and the authors' own.
/// </summary>
internal static class LanguageDefaults
{
    private static readonly Dictionary<string, string> ByModelType = new(StringComparer.Ordinal)
    {
        ["llama"] = """
            {"vocab_size":32000,"hidden_size":4096,"intermediate_size":11008,"num_hidden_layers":32,"num_attention_heads":32,
             "max_position_embeddings":2048,"rms_norm_eps":1e-6,"rope_theta":10000.0,"bos_token_id":1,"eos_token_id":2}
            """,
        ["idefics"] = """
            {"vocab_size":32000,"additional_vocab_size":0,"hidden_size":4096,"intermediate_size":11008,"num_hidden_layers":32,
             "num_attention_heads":32,"max_position_embeddings":2048,"rms_norm_eps":1e-6,"rope_theta":10000.0,"tie_word_embeddings":false,
             "cross_layer_interval":1,"bos_token_id":1,"eos_token_id":2}
            """,
        [LanguageArchitectures.CogVlm] = """
            {"vocab_size":32000,"hidden_size":4096,"intermediate_size":11008,"num_hidden_layers":32,"num_attention_heads":32,
             "max_position_embeddings":2048,"rms_norm_eps":1e-6,"tie_word_embeddings":false,"bos_token_id":1,"eos_token_id":2}
            """,
        [LanguageArchitectures.CogVlm2] = """
            {"vocab_size":128256,"hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32,
             "num_multi_query_heads":8,"max_position_embeddings":8192,"rms_norm_eps":1e-5,"tie_word_embeddings":false,"bos_token_id":128000,
             "eos_token_id":128001}
            """,
        [LanguageArchitectures.MplugOwl2] = """
            {"vocab_size":32000,"hidden_size":4096,"intermediate_size":11008,"num_hidden_layers":32,"num_attention_heads":32,
             "max_position_embeddings":2048,"rms_norm_eps":1e-6,"rope_theta":10000.0,"tie_word_embeddings":false,"bos_token_id":1,
             "eos_token_id":2}
            """,
        ["opt"] = """
            {"vocab_size":50272,"hidden_size":768,"ffn_dim":3072,"num_hidden_layers":12,"num_attention_heads":12,"max_position_embeddings":2048,
             "do_layer_norm_before":true,"pad_token_id":1,"bos_token_id":2,"eos_token_id":2}
            """,
        ["mllama_text_model"] = """
            {"vocab_size":128256,"hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":40,"num_attention_heads":32,
             "num_key_value_heads":8,"max_position_embeddings":131072,"rms_norm_eps":1e-5,"rope_theta":500000.0,"tie_word_embeddings":false,
             "cross_attention_layers":[3,8,13,18,23,28,33,38],"bos_token_id":128000,"eos_token_id":128001,"pad_token_id":128004}
            """,
        ["mistral"] = """
            {"vocab_size":32000,"hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32,
             "num_key_value_heads":8,"max_position_embeddings":131072,"rms_norm_eps":1e-6,"rope_theta":10000.0,"bos_token_id":1,"eos_token_id":2}
            """,
        ["qwen2"] = """
            {"vocab_size":151936,"hidden_size":4096,"intermediate_size":22016,"num_hidden_layers":32,"num_attention_heads":32,
             "num_key_value_heads":32,"max_position_embeddings":32768,"rms_norm_eps":1e-6,"rope_theta":10000.0}
            """,
        ["qwen3"] = """
            {"vocab_size":151936,"hidden_size":4096,"intermediate_size":22016,"num_hidden_layers":32,"num_attention_heads":32,
             "num_key_value_heads":32,"head_dim":128,"max_position_embeddings":32768,"rms_norm_eps":1e-6,"rope_theta":10000.0}
            """,
        ["phi3"] = """
            {"vocab_size":32064,"hidden_size":3072,"intermediate_size":8192,"num_hidden_layers":32,"num_attention_heads":32,
             "max_position_embeddings":4096,"original_max_position_embeddings":4096,"rms_norm_eps":1e-5,"rope_theta":10000.0,
             "bos_token_id":1,"eos_token_id":32000,"pad_token_id":32000}
            """,
        ["gemma2"] = """
            {"vocab_size":256000,"hidden_size":2304,"intermediate_size":9216,"num_hidden_layers":26,"num_attention_heads":8,
             "num_key_value_heads":4,"head_dim":256,"max_position_embeddings":8192,"rms_norm_eps":1e-6,"rope_theta":10000.0,
             "sliding_window":4096,"attn_logit_softcapping":50.0,"final_logit_softcapping":30.0,"pad_token_id":0,"eos_token_id":1,"bos_token_id":2}
            """,
        ["gemma3_text"] = """
            {"vocab_size":262208,"hidden_size":2304,"intermediate_size":9216,"num_hidden_layers":26,"num_attention_heads":8,
             "num_key_value_heads":4,"head_dim":256,"max_position_embeddings":131072,"rms_norm_eps":1e-6,"rope_theta":1000000.0,
             "rope_local_base_freq":10000.0,"sliding_window":4096,"pad_token_id":0,"eos_token_id":1,"bos_token_id":2}
            """,
        ["glm"] = Glm,
        ["glm4"] = Glm,
        ["t5"] = """
            {"vocab_size":32128,"d_model":512,"d_kv":64,"d_ff":2048,"num_layers":6,"num_heads":8,"relative_attention_num_buckets":32,
             "layer_norm_epsilon":1e-6,"pad_token_id":0,"eos_token_id":1}
            """,
    };

    private const string Glm = """
        {"vocab_size":151552,"hidden_size":4096,"intermediate_size":13696,"num_hidden_layers":40,"num_attention_heads":32,
         "num_key_value_heads":2,"head_dim":128,"max_position_embeddings":131072,"rms_norm_eps":1.5625e-7,"rope_theta":10000.0,
         "partial_rotary_factor":0.5,"pad_token_id":151329,"eos_token_id":[151329,151336,151338]}
        """;

    /// <summary>A configuration with what its class adds.</summary>
    public static Settings Complete(Settings config)
    {
        if (config.TryText("model_type") is not string type || !ByModelType.TryGetValue(type, out string? defaults))
            return config;
        return Settings.Merge(config, new Settings(config.Path, JsonDocument.Parse(defaults).RootElement));
    }
}
