using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// OpenFlamingo's CLIP in transformers' layout (openai/clip-vit-large-patch14), or in open_clip's (mlfoundations/open_clip,
/// src/open_clip/transformer.py, VisionTransformer), which the authors load.
/// </summary>
/// <param name="Config">Its dimensions.</param>
/// <param name="Rules">Its tensors, named <c>tower.*</c>.</param>
/// <param name="Tensors">What is stored, by these names.</param>
internal sealed record FlamingoTower(
    TowerConfig Config,
    IReadOnlyList<TensorRule> Rules,
    IEnumerable<KeyValuePair<string, StoredTensor>> Tensors
)
{
    private const string OpenClip = "visual.",
        Block = "tower.transformer.resblocks.{}.";

    // ViT's heads in open_clip (head_width).
    private const long HeadWidth = 64;

    /// <exception cref="CheckpointException">It is no CLIP.</exception>
    public static FlamingoTower Read(VisionTowerFolder folder)
    {
        if (folder.TensorNames.Contains(OpenClip + "conv1.weight"))
            return ReadOpenClip(folder);
        TowerConfig config = TowerConfig.Read(folder.Config);
        if (!config.IsClip)
            throw new CheckpointException(folder.Folder.FullPath, "it is no CLIP, which OpenFlamingo's vision tower is.");
        return new FlamingoTower(
            config,
            TowerConfig.Rules(isClip: true, keepsPostNorm: false),
            [
                .. folder
                    .Tensors.Where(static pair =>
                        !pair.Name.StartsWith("tower.post_layernorm.", StringComparison.Ordinal) && !Names.IsTable(pair.Name)
                    )
                    .Select(static pair => KeyValuePair.Create(pair.Name, pair.Tensor)),
            ]
        );
    }

    private static FlamingoTower ReadOpenClip(VisionTowerFolder folder)
    {
        Dictionary<string, StoredTensor> tensors = folder
            .AllTensors.Where(static tensor => tensor.Name.StartsWith(OpenClip, StringComparison.Ordinal))
            .Select(static tensor => KeyValuePair.Create("tower." + tensor.Name[OpenClip.Length..], tensor))
            .Where(static pair => pair.Key != "tower.proj" && !pair.Key.StartsWith("tower.ln_post.", StringComparison.Ordinal))
            .ToDictionary(StringComparer.Ordinal);
        StoredTensor kernel = tensors["tower.conv1.weight"];
        if (
            kernel.Shape.Length != 4
            || !tensors.TryGetValue("tower.positional_embedding", out StoredTensor? positions)
            || positions.Shape.Length != 2
            || !tensors.TryGetValue("tower.transformer.resblocks.0.mlp.c_fc.weight", out StoredTensor? up)
        )
            throw kernel.Fail("is no vision transformer's of open_clip.");
        Settings? settings = folder.Config.Child("model_cfg")?.Child("vision_cfg");
        long side = (long)Math.Sqrt(positions.Shape[0]);
        var config = new TowerConfig
        {
            ImageSize = side * kernel.Shape[3],
            PatchSize = kernel.Shape[3],
            Width = kernel.Shape[0],
            FeedForward = up.Shape[0],
            HeadCount = Math.Max(1, kernel.Shape[0] / Math.Max(1, settings?.TryCount("head_width") ?? HeadWidth)),
            BlockCount = tensors.Keys.Max(static name => name.Contains(".resblocks.") ? TensorMapper.Pattern(name).Block + 1 : 0),
            Epsilon = 1e-5,
            Activation = "quick_gelu",
            IsClip = true,
        };
        TensorRule[] rules =
        [
            new("tower.conv1", "v.patch_embd", "ECSS") { Type = TowerConfig.PatchType },
            new("tower.positional_embedding", "v.position_embd.weight", "PE") { IsWhole = true, IsFull = true },
            new("tower.class_embedding", "v.class_embd", "E") { IsWhole = true },
            new("tower.ln_pre", "v.pre_ln", "E"),
            new(Block + "ln_1", "v.blk.{}.ln1", "E"),
            new(Block + "ln_2", "v.blk.{}.ln2", "E"),
            new(Block + "attn.in_proj_weight", "v.blk.{}.attn_qkv.weight", "WE") { IsWhole = true },
            new(Block + "attn.in_proj_bias", "v.blk.{}.attn_qkv.bias", "W") { IsWhole = true },
            new(Block + "attn.out_proj", "v.blk.{}.attn_out", "EE"),
            new(Block + "mlp.c_fc", "v.blk.{}.ffn_up", "IE"),
            new(Block + "mlp.c_proj", "v.blk.{}.ffn_down", "EI"),
        ];
        return new FlamingoTower(config, rules, tensors);
    }
}
