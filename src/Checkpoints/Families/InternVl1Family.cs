using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// InternVL 1.0 for chat: LLaVA's layout with InternViT-6B (InternVL-Chat-ViT-6B-Vicuna), or with InternVL-14B, whose QLLaMA gives rows of
/// its own; either lies beside it (OpenGVLab/InternVL, internvl_chat_llava/llava/model/multimodal_encoder/clip_encoder.py). Keys:
/// docs/gguf.md.
/// </summary>
internal sealed class InternVl1Family(Settings config) : LlavaFamily(config)
{
    // is_intern_vit_6b_model; is_internvl_14b_model.
    private static readonly string[] TowerNames = ["intern_vit_6b", "internvit_6b", "InternViT-6B", "internvit6b"],
        QueryTowerNames = ["internvl_14b", "intern_vl_14b", "InternVL-14B", "internvl14b"];

    private readonly Settings config = config;
    private readonly bool hasQueries = IsNamed(config, QueryTowerNames) && !IsNamed(config, TowerNames);

    public override string Name => hasQueries ? "InternVL 1.0 with QLLaMA" : "InternVL 1.0";

    /// <summary>Whether a checkpoint is of this kind.</summary>
    public static new bool Recognises(Settings config) => IsNamed(config, TowerNames) || IsNamed(config, QueryTowerNames);

    // What of InternVL-14B no picture needs may lie in the checkpoint as in its own folder.
    public override (Side Side, string Name) Place(string name)
    {
        (Side side, string placed) = base.Place(name);
        if (!hasQueries || side != Side.Vision || !placed.TryAfter("tower.", out string part))
            return (side, placed);
        return QueryLlamaPart.Needs(part) || IsTowers(part) ? (side, placed) : (Side.Ignored, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        if (source.Tower is not VisionTowerFolder given)
            throw new CheckpointException(
                source.Folder.FullPath,
                $"its vision tower, {CheckpointFolder.Shown(TowerName(config))}, is not in it or beside it, and its folder is needed."
            );
        if (config.TryText("mm_vision_select_feature") is string feature and not "patch")
            throw new CheckpointException(
                config.Path,
                $"mm_vision_select_feature is '{CheckpointFolder.Shown(feature)}', which is not supported; known is patch."
            );
        Dictionary<string, StoredTensor> tensors = WithTower(source, given);
        var tower = new InternVitTower(given.Config);
        long layer = SelectedLayer(tower);
        var metadata = new Metadata();
        metadata.Set("clip.has_llava_projector", true);
        metadata.Set("clip.projector_type", hasQueries ? "qllama" : "mlp");
        // QLLaMA looks at what comes behind the last block.
        long used = hasQueries ? tower.BlockCount : layer;
        tower.SetKeys(metadata, source, used);
        // The processor's size is the code's, whatever the tower was trained with.
        bool isLarge = !hasQueries && TowerName(config).Contains("448", StringComparison.Ordinal);
        metadata.Set("clip.vision.image_size", isLarge ? 448L : 336L);
        metadata.Set("clip.vision.image_aspect_ratio", config.TryText("image_aspect_ratio") is "pad" ? "pad" : "square");
        List<TensorRule> rules = [.. tower.AuthorsRules()];
        List<(char, long)> letters = [.. tower.Letters(source.LanguageWidth)];
        if (hasQueries)
            AddQueries(given, tensors, layer, metadata, rules, letters);
        else
            rules.AddRange(Connector(tensors));
        return new VisionModel(metadata, rules, new Dimensions([.. letters]), used) { Tensors = tensors };
    }

    private void AddQueries(
        VisionTowerFolder tower,
        Dictionary<string, StoredTensor> tensors,
        long layer,
        Metadata metadata,
        List<TensorRule> rules,
        List<(char, long)> letters
    )
    {
        if (config.TryText("mm_projector_type") is string kind and not "two_mlp")
            throw new CheckpointException(
                config.Path,
                $"mm_projector_type is '{CheckpointFolder.Shown(kind)}'; a model with QLLaMA has two_mlp."
            );
        if (!tensors.ContainsKey("tower.query_tokens"))
            throw new CheckpointException(
                tower.Folder.FullPath,
                $"tensor 'query_tokens' is missing, so it is not InternVL-14B, which {CheckpointFolder.Shown(TowerName(config))} names."
            );
        var queries = new QueryLlamaPart(tower.WholeConfig);
        metadata.Set("clip.vision.patch_layer", layer);
        queries.SetKeys(metadata);
        rules.AddRange(queries.Rules());
        rules.AddRange([
            new TensorRule("connector.mlp1.0", "mm.0", "HE"),
            new TensorRule("connector.mlp1.2", "mm.2", "HH"),
            new TensorRule("connector.mlp2.0", "mm.query.0", "HQ"),
            new TensorRule("connector.mlp2.2", "mm.query.2", "HH"),
        ]);
        letters.AddRange(queries.Letters);
    }

    private Dictionary<string, StoredTensor> WithTower(VisionSource source, VisionTowerFolder tower)
    {
        var tensors = new Dictionary<string, StoredTensor>(source.Tensors, StringComparer.Ordinal);
        if (source.HasTower)
            return tensors;
        foreach ((string name, StoredTensor tensor) in tower.Tensors)
            if (!hasQueries || IsTowers(name["tower.".Length..]))
                tensors[name] = tensor;
        if (hasQueries)
            foreach (StoredTensor tensor in tower.AllTensors.Where(static tensor => QueryLlamaPart.Needs(tensor.Name)))
                tensors["tower." + tensor.Name] = tensor;
        return tensors;
    }

    private long SelectedLayer(InternVitTower tower)
    {
        double layer = config.TryNumber("mm_vision_select_layer") ?? -2;
        long index = layer < 0 ? tower.BlockCount + 1 + (long)layer : (long)layer;
        return index >= 1 && index <= tower.BlockCount
            ? index
            : throw new CheckpointException(
                config.Path,
                $"mm_vision_select_layer {layer} is not one of the tower's {tower.BlockCount} blocks."
            );
    }

    private static bool IsTowers(string name) =>
        name.StartsWith("embeddings.", StringComparison.Ordinal) || name.StartsWith("encoder.", StringComparison.Ordinal);

    private static string TowerName(Settings config) => config.TryText("mm_vision_tower") ?? "";

    private static bool IsNamed(Settings config, string[] names) =>
        names.Any(name => TowerName(config).Contains(name, StringComparison.Ordinal));
}
