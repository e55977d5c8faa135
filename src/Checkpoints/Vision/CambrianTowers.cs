using Tessera.Checkpoints.Families;

namespace Tessera.Checkpoints.Vision;

/// <summary>What a tower of Cambrian's is.</summary>
internal enum TowerKind
{
    Clip,
    Siglip,
    Dino,
    ConvNext,
}

/// <summary>Which folder holds which of Cambrian's towers: told from what is in it, so that folders may be called anything.</summary>
internal static class CambrianTowers
{
    /// <summary>What a name of the checkpoint's list stands for (cambrian/model/multimodal_encoder/builder.py).</summary>
    /// <exception cref="CheckpointException">It is none of the released checkpoints'.</exception>
    public static TowerKind KindOf(string name) =>
        name.Contains("openai/clip", StringComparison.OrdinalIgnoreCase) ? TowerKind.Clip
        : name.Contains("siglip", StringComparison.OrdinalIgnoreCase) ? TowerKind.Siglip
        : name.Contains("clip-convnext", StringComparison.OrdinalIgnoreCase) ? TowerKind.ConvNext
        : name.Contains("dinov2", StringComparison.OrdinalIgnoreCase) ? TowerKind.Dino
        : throw new CheckpointException(name, "this tower is none of those of Cambrian's that are known: CLIP, SigLIP, DINOv2, ConvNeXt.");

    /// <summary>The names of folders that a tower is released under.</summary>
    public static IEnumerable<string> FolderNames(string name)
    {
        string last = name.Split('/')[^1];
        yield return last;
        if (last.IndexOf("-res", StringComparison.Ordinal) is > 0 and int end)
            yield return last[..end];
        // siglip_encoder.py and clip_convnext_encoder.py, extract_res_interp.
        if (name.Contains("siglip", StringComparison.OrdinalIgnoreCase))
        {
            yield return name.Contains("384", StringComparison.Ordinal) ? "ViT-SO400M-14-SigLIP-384" : "ViT-SO400M-14-SigLIP";
            yield return name.Contains("384", StringComparison.Ordinal) ? "siglip-so400m-patch14-384" : "siglip-so400m-patch14-224";
        }

        if (name.StartsWith("clip-convnext-XXL", StringComparison.Ordinal))
            yield return "CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup";
        else if (name.StartsWith("clip-convnext-L", StringComparison.Ordinal))
            yield return "CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup";
    }

    /// <summary>The folder of each tower of the checkpoint's list.</summary>
    /// <exception cref="CheckpointException">One is missing.</exception>
    public static IEnumerable<VisionTowerFolder> Match(VisionSource source, IReadOnlyList<string> names)
    {
        var left = source.Towers.ToList();
        foreach (string name in names)
        {
            TowerKind kind = KindOf(name);
            VisionTowerFolder found =
                left.Find(folder => KindOf(folder) == kind)
                ?? throw new CheckpointException(
                    source.Folder.FullPath,
                    $"its vision tower {CheckpointFolder.Shown(name)}, released as {FolderNames(name).Last()}, is not in it or beside it, "
                        + "and its folder is needed."
                );
            left.Remove(found);
            yield return found;
        }
    }

    private static TowerKind? KindOf(VisionTowerFolder folder)
    {
        IReadOnlyCollection<string> names = folder.TensorNames;
        if (
            names.Any(static name =>
                name.EndsWith("stages.0.blocks.0.conv_dw.weight", StringComparison.Ordinal)
                || name.EndsWith("stages.0.layers.0.dwconv.weight", StringComparison.Ordinal)
            )
        )
            return TowerKind.ConvNext;
        if (names.Any(static name => name.EndsWith("blocks.0.attn.qkv.weight", StringComparison.Ordinal)))
            return TowerKind.Siglip;
        if (names.Any(static name => name.EndsWith("encoder.layer.0.layer_scale1.lambda1", StringComparison.Ordinal)))
            return TowerKind.Dino;
        if (names.Any(static name => name.EndsWith("pre_layrnorm.weight", StringComparison.Ordinal)))
            return TowerKind.Clip;
        return names.Any(static name => name.EndsWith("encoder.layers.0.layer_norm1.weight", StringComparison.Ordinal))
            ? TowerKind.Siglip
            : null;
    }
}
