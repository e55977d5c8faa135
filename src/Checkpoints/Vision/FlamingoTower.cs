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
    private const string OpenClip = "visual.";

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
        TowerConfig config = OpenClipTower.Read(
            tensors,
            folder.Config.Child("model_cfg")?.Child("vision_cfg")?.TryCount("head_width") ?? OpenClipTower.HeadWidth,
            tensors.Keys.Max(static name =>
                name.StartsWith(OpenClipTower.Blocks, StringComparison.Ordinal) ? TensorMapper.Pattern(name).Block + 1 : 0
            )
        );
        return new FlamingoTower(config, OpenClipTower.Rules(), tensors);
    }
}
