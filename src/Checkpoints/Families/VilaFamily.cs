using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// VILA 1.5 and NVILA as released: llm, vision_tower and mm_projector in folders of their own (NVlabs/VILA, llava/model/llava_arch.py,
/// save_pretrained; llava/model/multimodal_projector/base_projector.py). Keys: docs/gguf.md.
/// </summary>
internal sealed class VilaFamily(Settings config) : CheckpointFamily
{
    // Only what came with NVILA writes these keys (branch main, llava/model/configuration_llava.py; branch vila1.5 has none of them).
    private readonly bool isNvila =
        config.Has("image_encoder") || config.Has("min_tiles") || ProjectorType(config).EndsWith("_fix", StringComparison.Ordinal);

    public override string Name => isNvila ? "NVILA" : "VILA 1.5";

    // VILA 1.5's prompts are written by llava/conversation.py, whatever template the tokenizer of its language model brought.
    public override bool KeepsChatTemplate => isNvila;

    /// <summary>Whether a checkpoint is of this kind.</summary>
    public static bool Recognises(Settings config) => config.Has("llm_cfg") && config.Has("mm_projector_cfg");

    public override Settings LanguageConfig(Settings config) => Part("llm_cfg");

    public override (Side Side, string Name) Place(string name)
    {
        if (name.TryAfter("llm.", out string language))
            return (Side.Language, language);
        if (name.TryAfter("mm_projector.layers.", out string layer))
            return (Side.Vision, "connector." + layer);
        if (!name.TryAfter("vision_tower.", out string tower))
            return (Side.Vision, name);
        tower = tower.TryAfter("vision_model.", out string bare) ? bare : tower;
        bool isUnused =
            tower.StartsWith("head.", StringComparison.Ordinal) || tower.StartsWith("post_layernorm.", StringComparison.Ordinal);
        return isUnused ? (Side.Ignored, name) : (Side.Vision, "tower." + tower);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        Settings vision = Part("vision_tower_cfg");
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "vila_downsample");
        int[] scales = SetImage(metadata, vision.Size("image_size"));
        (TensorRule[] connector, long inputs, int factor) = Connector(metadata, Math.Max(1, scales.Length));
        if (vision.TryText("model_type") is "intern_vit_6b")
        {
            if (Feature() != "patch")
                throw new CheckpointException(
                    config.Path,
                    "mm_vision_select_feature keeps InternViT's class token, which is not supported."
                );
            var tower = new InternVitTower(vision);
            long used = Layer(tower.BlockCount);
            tower.SetKeys(metadata, source, used);
            (char, long)[] letters = [.. tower.Letters(source.LanguageWidth), .. ConnectorLetters(tower.Width * inputs, factor)];
            return new VisionModel(metadata, [.. tower.AuthorsRules(), .. connector], new Dimensions(letters), used);
        }

        if (vision.TryText("model_type") is not "siglip_vision_model" || Feature() != "cls_patch")
            throw new CheckpointException(
                vision.Path,
                $"its vision tower '{Shown("model_type", vision)}' with mm_vision_select_feature '{Feature()}' is not known."
            );
        TowerConfig siglip = TowerConfig.Read(vision);
        long layer = Layer(siglip.BlockCount);
        siglip.SetKeys(metadata, source, layer);
        (char, long)[] all = [.. siglip.Letters(source.LanguageWidth), .. ConnectorLetters(siglip.Width * inputs, factor)];
        return new VisionModel(
            metadata,
            [.. TowerConfig.Rules(isClip: false, keepsPostNorm: false), .. connector],
            new Dimensions(all),
            layer
        );
    }

    // mm_hidden_size as the source has it, of one patch; what enters the norm, of a token; and the 3x3 projector's inner width.
    private static (char, long)[] ConnectorLetters(long patchWidth, int factor) =>
        [('M', patchWidth * factor * factor), ('N', patchWidth * 3)];

    // What is done to a picture before the tower; gives the scales, none for one.
    private int[] SetImage(Metadata metadata, long imageSize)
    {
        string ratio = config.TryText("image_aspect_ratio") ?? "resize";
        if (ratio is not ("resize" or "dynamic" or "dynamic_s2"))
            throw new CheckpointException(
                config.Path,
                $"image_aspect_ratio is '{Shown("image_aspect_ratio", config)}'; resize, dynamic and dynamic_s2 are known."
            );
        metadata.Set("clip.vision.image_aspect_ratio", ratio);
        if (ratio == "dynamic")
            metadata.Set("clip.vision.preproc_min_tiles", config.TryCount("min_tiles") ?? 1);
        if (ratio != "resize")
            metadata.Set("clip.vision.preproc_max_tiles", config.TryCount("max_tiles") ?? 12);
        bool isDynamic = config.TryFlag("dynamic_s2") == true;
        if (isDynamic != (ratio == "dynamic_s2"))
            throw new CheckpointException(config.Path, "dynamic_s2 and image_aspect_ratio contradict each other.");
        if (!isDynamic && config.TryFlag("s2") != true)
            return [];
        int[] scales = Scales();
        if (scales[0] != imageSize || (config.TryCount("s2_max_split_size") ?? imageSize) != imageSize)
            throw new CheckpointException(config.Path, $"s2_scales and s2_max_split_size must begin with the tower's size, {imageSize}.");
        double output = config.TryNumber("s2_resize_output_to_scale_idx") ?? 0;
        if (isDynamic ? output != -1 && output != scales.Length - 1 : output != 0)
            throw new CheckpointException(
                config.Path,
                $"s2_resize_output_to_scale_idx is {output}, which is not supported with '{ratio}'."
            );
        metadata.Set("clip.vision.s2_scales", scales);
        return scales;
    }

    private int[] Scales()
    {
        const string Key = "s2_scales";
        IEnumerable<string> texts = config.TryText(Key) is string list
            ? list.Split(',', StringSplitOptions.TrimEntries)
            : (config.TryNumbers(Key) ?? []).Select(static number => number.ToString(CultureInfo.InvariantCulture));
        int[] scales =
        [
            .. texts
                .Select(text =>
                    int.TryParse(text, CultureInfo.InvariantCulture, out int scale) && scale is > 0 and <= 1 << 16
                        ? scale
                        : throw config.Wrong(Key, "a list of sizes")
                )
                .Order(),
        ];
        return scales.Length is > 1 and <= 8 && scales.All(scale => scale % scales[0] == 0)
            ? scales
            : throw config.Wrong(Key, "a list of multiples of the first size");
    }

    // The Sequential's layers; the first, which has no weights, only rearranges. Tensors are named by their places less one.
    private (TensorRule[] Rules, long Inputs, int Factor) Connector(Metadata metadata, int scaleCount)
    {
        string type = ProjectorType(config);
        int factor = type switch
        {
            "mlp_downsample" or "mlp_downsample_2x2_fix" => 2,
            "mlp_downsample_3x3_fix" => 3,
            _ => throw new CheckpointException(
                config.Path,
                $"mm_projector_type is '{CheckpointFolder.Shown(type)}'; known are mlp_downsample, mlp_downsample_2x2_fix and "
                    + "mlp_downsample_3x3_fix."
            ),
        };
        metadata.Set("clip.vision.projector.scale_factor", factor);
        // The block of VILA 1.5 had no last permutation; the same class of NVILA has (commit 36f6adc).
        metadata.Set("clip.vision.projector.token_order", isNvila ? "row" : "col");
        metadata.Set("clip.vision.projector.pad_zero", true);
        TensorRule[] rules =
            factor == 2
                ? [new("connector.1", "mm.0", "M"), new("connector.2", "mm.1", "HM"), new("connector.4", "mm.3", "HH")]
                :
                [
                    new("connector.1", "mm.0", "M"),
                    new("connector.2", "mm.1", "NM"),
                    new("connector.4", "mm.3", "N"),
                    new("connector.5", "mm.4", "HN"),
                    new("connector.7", "mm.6", "HH"),
                ];
        return (rules, scaleCount, factor);
    }

    private long Layer(long blockCount)
    {
        double layer = config.TryNumber("mm_vision_select_layer") ?? -2;
        long index = layer < 0 ? blockCount + 1 + (long)layer : (long)layer;
        return index >= 1 && index <= blockCount
            ? index
            : throw new CheckpointException(config.Path, $"mm_vision_select_layer {layer} is not one of the tower's {blockCount} blocks.");
    }

    private string Feature() => config.TryText("mm_vision_select_feature") ?? "patch";

    private Settings Part(string key) =>
        config.TryGet(key, out JsonElement value) && value.ValueKind == JsonValueKind.Object
            ? config.Child(key)!
            : throw new CheckpointException(config.Path, $"{key} is not in it, nor is the folder '{key[..^4]}' beside it.");

    private static string ProjectorType(Settings config) =>
        config.TryGet("mm_projector_cfg", out JsonElement part) && part.ValueKind == JsonValueKind.Object
            ? config.Child("mm_projector_cfg")!.TryText("mm_projector_type") ?? ""
            : config.TryText("mm_projector_cfg") ?? "";

    private static string Shown(string key, Settings from) => CheckpointFolder.Shown(from.TryText(key) ?? "none");
}
