using System.Text.Json;
using System.Text.Json.Nodes;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// NVILA and NVILA-Lite in transformers' layout (Efficient-Large-Model/NVILA-8B-hf, NVILA-Lite-2B-hf): all sides in one folder under the
/// authors' names of tensors, and most of the authors' settings written into the code that came with it. Source: sgl-project/sglang,
/// python/sglang/srt/models/nvila.py and nvila_lite.py, which is that code.
/// </summary>
internal static class NvilaLayout
{
    private const string LastOfLite = "mm_projector.layers.7.weight";
    private const int ScaleCount = 3,
        MostTiles = 12;

    /// <summary>Whether a checkpoint is of this layout.</summary>
    public static bool Recognises(Settings config) =>
        config.TryText("model_type") is "nvila" or "nvila_lite" && config.Has("vision_config") && config.Has("text_config");

    /// <summary>The configuration that the authors' layout has for the same.</summary>
    /// <param name="config">The checkpoint's own.</param>
    /// <param name="names">The names of its tensors: the projector's depth tells the two apart.</param>
    public static Settings ToAuthors(Settings config, IReadOnlyCollection<string> names)
    {
        Settings vision = config.Child("vision_config")!;
        bool isLite = names.Contains(LastOfLite);
        long side = vision.Size("image_size");
        var authors = new JsonObject
        {
            ["mm_vision_select_layer"] = -2,
            ["mm_vision_select_feature"] = "cls_patch",
            ["min_tiles"] = 1,
            ["max_tiles"] = MostTiles,
            ["image_aspect_ratio"] = isLite ? "dynamic" : "dynamic_s2",
            ["dynamic_s2"] = !isLite,
            ["mm_projector_cfg"] = new JsonObject { ["mm_projector_type"] = isLite ? "mlp_downsample_3x3_fix" : "mlp_downsample" },
            ["llm_cfg"] = Copy(config.Child("text_config")!, "model_type", "qwen2"),
            ["vision_tower_cfg"] = Copy(vision, "model_type", "siglip_vision_model"),
        };
        if (!isLite)
        {
            authors["s2_scales"] = new JsonArray([.. Enumerable.Range(1, ScaleCount).Select(scale => JsonValue.Create(side * scale))]);
            authors["s2_resize_output_to_scale_idx"] = -1;
        }

        return new Settings(config.Path, JsonDocument.Parse(authors.ToJsonString()).RootElement);
    }

    // The class's default where nothing is said.
    private static JsonObject Copy(Settings part, string key, string fallback)
    {
        JsonObject copy = JsonNode.Parse(part.Root.GetRawText())!.AsObject();
        copy[key] ??= fallback;
        return copy;
    }
}
