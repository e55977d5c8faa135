using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// InternVL 1.0 as released for chat (InternVL-Chat-ViT-6B-Vicuna): LLaVA's layout with InternViT-6B, which lies beside it
/// (OpenGVLab/InternVL, internvl_chat_llava/llava/model/multimodal_encoder/clip_encoder.py). Keys: docs/gguf.md.
/// </summary>
internal sealed class InternVl1Family(Settings config) : LlavaFamily(config)
{
    // is_intern_vit_6b_model; is_internvl_14b_model.
    private static readonly string[] TowerNames = ["intern_vit_6b", "internvit_6b", "InternViT-6B", "internvit6b"],
        QueryTowerNames = ["internvl_14b", "intern_vl_14b", "InternVL-14B", "internvl14b"];

    private readonly Settings config = config;

    public override string Name => "InternVL 1.0";

    /// <summary>Whether a checkpoint is of this kind.</summary>
    public static new bool Recognises(Settings config) => IsNamed(config, TowerNames) || IsNamed(config, QueryTowerNames);

    public override VisionModel ReadVision(VisionSource source)
    {
        if (IsNamed(config, QueryTowerNames))
            throw new CheckpointException(config.Path, "its tower is InternVL-14B with QLLaMA's queries, which is not supported.");
        if (source.Tower is not VisionTowerFolder given)
            throw new CheckpointException(
                source.Folder.FullPath,
                $"its vision tower, {CheckpointFolder.Shown(TowerName(config))}, is not in it or beside it, and its folder is needed."
            );
        var tensors = new Dictionary<string, StoredTensor>(source.Tensors, StringComparer.Ordinal);
        if (!source.HasTower)
            foreach ((string name, StoredTensor tensor) in given.Tensors)
                tensors[name] = tensor;
        var tower = new InternVitTower(given.Config);
        double layer = config.TryNumber("mm_vision_select_layer") ?? -2;
        long used = layer < 0 ? tower.BlockCount + 1 + (long)layer : (long)layer;
        if (used < 1 || used > tower.BlockCount)
            throw new CheckpointException(
                config.Path,
                $"mm_vision_select_layer {layer} is not one of the tower's {tower.BlockCount} blocks."
            );
        var metadata = new Metadata();
        metadata.Set("clip.has_llava_projector", true);
        metadata.Set("clip.projector_type", "mlp");
        tower.SetKeys(metadata, source, used);
        // The processor's size is the code's, whatever the tower was trained with.
        metadata.Set("clip.vision.image_size", TowerName(config).Contains("448", StringComparison.Ordinal) ? 448L : 336L);
        metadata.Set("clip.vision.image_aspect_ratio", config.TryText("image_aspect_ratio") is "pad" ? "pad" : "square");
        return new VisionModel(
            metadata,
            [.. tower.AuthorsRules(), .. Connector(tensors)],
            new Dimensions(tower.Letters(source.LanguageWidth)),
            used
        )
        {
            Tensors = tensors,
        };
    }

    private static string TowerName(Settings config) => config.TryText("mm_vision_tower") ?? "";

    private static bool IsNamed(Settings config, string[] names) =>
        names.Any(name => TowerName(config).Contains(name, StringComparison.Ordinal));
}
