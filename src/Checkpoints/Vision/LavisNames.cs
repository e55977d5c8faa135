using Tessera.Checkpoints.Families;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// The names that LAVIS gives to the tensors of its towers and Q-Formers. Source: salesforce/LAVIS, lavis/models/eva_vit.py, clip_vit.py
/// and blip2_models/Qformer.py, of which Vision-CAIR/MiniGPT-4 has copies.
/// </summary>
internal static class LavisNames
{
    /// <summary>Where a tensor of the authors' files goes.</summary>
    /// <param name="own">Its name there.</param>
    /// <param name="readsText">Whether the Q-Former reads an instruction.</param>
    /// <param name="placed">Its name in transformers' manner.</param>
    public static bool TryPlace(string own, bool readsText, out string placed)
    {
        own = own.TryAfter("visual_encoder.", out string inner) ? inner : own;
        placed = own switch
        {
            "query_tokens" => own,
            "cls_token" => "tower.embeddings.class_embedding",
            "pos_embed" => "tower.embeddings.position_embedding",
            _ when own.TryAfter("ln_vision.", out string norm) => "tower.post_layernorm." + norm,
            _ when own.TryAfter("patch_embed.proj.", out string patch) => "tower.embeddings.patch_embedding." + patch,
            _ when own.TryAfter("blocks.", out string block) => "tower.encoder.layers." + BlockName(block),
            _ when OpenClipTower.Names.Any(part => own.StartsWith(part, StringComparison.Ordinal)) => "tower." + own,
            _ when own.TryAfter("Qformer.bert.", out string former) => FormerName(former, readsText) ?? "",
            _ => "",
        };
        return placed.Length > 0;
    }

    /// <summary>Whether a tensor is EVA's.</summary>
    public static bool IsEvas(string name) =>
        name.StartsWith("tower.embeddings.", StringComparison.Ordinal) || name.StartsWith("tower.encoder.", StringComparison.Ordinal);

    /// <summary>Whether a tensor is the Q-Former's.</summary>
    public static bool IsFormers(string name) => name == "query_tokens" || name.StartsWith("qformer.", StringComparison.Ordinal);

    // The authors' names to transformers'; what reads text is dropped where nothing does.
    private static string? FormerName(string name, bool readsText)
    {
        if (name.TryAfter("embeddings.", out string embedding))
            return embedding.TryAfter("LayerNorm.", out string norm)
                    ? (readsText ? "qformer.embeddings.layernorm." : "qformer.layernorm.") + norm
                : readsText && embedding.EndsWith("_embeddings.weight", StringComparison.Ordinal) ? "qformer.embeddings." + embedding
                : null;
        if (!name.TryAfter("encoder.layer.", out string layer) || (!readsText && layer.Split('.') is [_, "intermediate" or "output", ..]))
            return null;
        return "qformer.encoder.layer." + layer.Replace("ttention.self.", "ttention.attention.", StringComparison.Ordinal);
    }

    private static string BlockName(string name) =>
        name.Replace("norm1.", "layer_norm1.", StringComparison.Ordinal)
            .Replace("norm2.", "layer_norm2.", StringComparison.Ordinal)
            .Replace(".attn.proj.", ".self_attn.projection.", StringComparison.Ordinal)
            .Replace(".attn.", ".self_attn.", StringComparison.Ordinal);
}
