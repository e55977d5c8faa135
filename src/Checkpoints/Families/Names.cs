namespace Tessera.Checkpoints.Families;

/// <summary>Prefixes of tensors' names.</summary>
internal static class Names
{
    /// <summary>Whether a name begins with the prefix; then the rest of it.</summary>
    public static bool TryAfter(this string name, string prefix, out string rest)
    {
        bool begins = name.StartsWith(prefix, StringComparison.Ordinal);
        rest = begins ? name[prefix.Length..] : "";
        return begins;
    }

    /// <summary>Whether a tensor is one that no file needs: it follows from the configuration (older classes saved such tables).</summary>
    public static bool IsTable(string name) =>
        name.EndsWith("rotary_emb.inv_freq", StringComparison.Ordinal)
        || name.EndsWith("rotary_pos_emb.inv_freq", StringComparison.Ordinal)
        || name.EndsWith(".attention.masked_bias", StringComparison.Ordinal)
        || name.EndsWith(".attention.bias", StringComparison.Ordinal)
        || name.EndsWith("position_ids", StringComparison.Ordinal);

    /// <summary>The language model's part in the layouts of transformers 4 and 5.</summary>
    public static bool TryLanguage(string name, out string rest)
    {
        if (name.TryAfter("model.language_model.", out string inner))
        {
            rest = "model." + inner;
            return true;
        }

        if (name.TryAfter("language_model.", out rest))
            return true;
        rest = name;
        return name.StartsWith("lm_head.", StringComparison.Ordinal);
    }
}
