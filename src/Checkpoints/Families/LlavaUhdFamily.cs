using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// LLaVA-UHD as released: llava-uhd-144-13b, in LLaVA's layout with a spatially constrained resampler (thunlp/LLaVA-UHD, branch
/// LLaVA-UHD-v1, llava/model/multimodal_projector/builder.py). Keys: docs/gguf.md.
/// </summary>
internal sealed class LlavaUhdFamily(Settings config) : LlavaFamily(config)
{
    private const string ProjectorType = "adapt_spatial_resampler";

    // llava/eval/model_vqa_loader.py: resize_image_keep_ratio and slice_image_minicpm.
    private const int LongestSide = 1024;
    private const int MaxTiles = 7;

    public override string Name => "LLaVA-UHD";

    /// <summary>Whether a checkpoint is of this kind.</summary>
    public static new bool Recognises(Settings config) => config.TryText("mm_projector_type") == ProjectorType;

    public override (Side Side, string Name) Place(string name)
    {
        if (!name.TryAfter("model.mm_projector.", out string part) && !name.TryAfter("mm_projector.", out part))
            return base.Place(name);
        // Its positions are sines and cosines.
        return part == "pos_embed" ? (Side.Ignored, name) : (Side.Vision, "resampler." + part);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        var tensors = new Dictionary<string, StoredTensor>(source.Tensors, StringComparer.Ordinal);
        TowerConfig tower = ReadTower(source, tensors);
        long layer = FeatureLayer(tower),
            width = source.LanguageWidth;
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "uhd_resampler");
        tower.SetKeys(metadata, source, layer);
        metadata.Set("clip.vision.feature_layer", [(int)layer]);
        metadata.Set("clip.vision.preproc_max_tiles", MaxTiles);
        metadata.Set("clip.vision.uhd.spatial_rois", true);
        metadata.Set("clip.vision.uhd.longest_side", LongestSide);
        return new VisionModel(
            metadata,
            [
                .. TowerConfig.Rules(tower.IsClip, keepsPostNorm: false),
                .. ResamplerTensors.Rules(width, tower.Width == width, static values => values.Permute(1, 0)),
            ],
            new Dimensions([.. tower.Letters(width), ('N', source.Require("resampler.query").Shape[0]), ('X', 3 * width)]),
            layer
        )
        {
            Tensors = tensors,
        };
    }
}
