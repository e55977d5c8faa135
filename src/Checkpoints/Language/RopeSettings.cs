using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Language;

/// <summary>
/// The rotary positions of a configuration, which transformers up to 4 writes as rope_theta with rope_scaling and 5 as rope_parameters,
/// there by kind of layer where they differ. Source of the keys: ggml-org/llama.cpp v0.5.0, conversion/base.py.
/// </summary>
internal sealed class RopeSettings
{
    private readonly Settings config;
    private readonly Settings? parameters;

    public RopeSettings(Settings config)
    {
        this.config = config;
        Settings? all = config.Child("rope_parameters") ?? config.Child("rope_scaling");
        parameters = all?.Child("full_attention") ?? all;
        LocalBase =
            all?.Child("sliding_attention")?.TryNumber("rope_theta")
            ?? (
                all?.Child("full_attention") is null ? config.TryNumber("rope_local_base_freq", "rope_theta_local", "swa_rope_theta") : null
            );
    }

    /// <summary>The base of the frequencies.</summary>
    public double? Base => parameters?.TryNumber("rope_theta") ?? config.TryNumber("rope_theta", "rotary_emb_base");

    /// <summary>The same of layers that see a window only, where it differs.</summary>
    public double? LocalBase { get; }

    /// <summary>How longer contexts are reached: linear, yarn, llama3, longrope; null or default for not at all.</summary>
    public string? Scaling => (parameters?.TryText("rope_type") ?? parameters?.TryText("type"))?.ToLowerInvariant();

    /// <summary>The part of a head that is rotated.</summary>
    public double? PartialFactor => parameters?.TryNumber("partial_rotary_factor") ?? config.TryNumber("partial_rotary_factor", "rope_pct");

    /// <summary>The context that the scaling starts from.</summary>
    public double? OriginalContext =>
        parameters?.TryNumber("original_max_position_embeddings") ?? config.TryNumber("original_max_position_embeddings");

    public double? Number(string key) => parameters?.TryNumber(key);

    public double[]? Numbers(string key) => parameters?.TryNumbers(key);

    /// <summary>Sets the keys that all architectures share.</summary>
    /// <exception cref="CheckpointException">The scaling is none that is known.</exception>
    public void SetKeys(Metadata metadata, string architecture)
    {
        SetScaling(metadata, architecture);
        metadata.SetIfKnown($"{architecture}.rope.freq_base", Base);
        metadata.SetIfKnown($"{architecture}.rope.freq_base_swa", LocalBase);
    }

    private void SetScaling(Metadata metadata, string architecture)
    {
        string prefix = $"{architecture}.rope.scaling.";
        switch (Scaling)
        {
            case null or "default" or "mrope" or "dynamic" or "llama3":
                break;
            case "linear" when Number("factor") is double factor:
                metadata.Set(prefix + "type", "linear");
                metadata.Set(prefix + "factor", factor);
                break;
            case "yarn" when Number("factor") is double factor:
                metadata.Set(prefix + "type", "yarn");
                metadata.Set(prefix + "factor", factor);
                metadata.Set(prefix + "original_context_length", (long)(OriginalContext ?? config.Size("max_position_embeddings")));
                metadata.SetIfKnown(prefix + "yarn_ext_factor", Number("extrapolation_factor"));
                metadata.SetIfKnown(prefix + "yarn_attn_factor", Number("attention_factor") ?? Number("attn_factor"));
                metadata.SetIfKnown(prefix + "yarn_beta_fast", Number("beta_fast"));
                metadata.SetIfKnown(prefix + "yarn_beta_slow", Number("beta_slow"));
                break;
            case "su" or "longrope":
                metadata.Set(prefix + "type", "longrope");
                break;
            default:
                throw new CheckpointException(config.Path, $"the rope scaling '{CheckpointFolder.Shown(Scaling)}' is not known.");
        }
    }
}
