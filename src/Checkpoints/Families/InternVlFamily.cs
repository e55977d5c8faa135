using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// InternVL 1.5, 2, 2.5 and 3, in the authors' layout (OpenGVLab) and transformers' (-hf). Names and keys: ggml-org/llama.cpp v0.5.0,
/// conversion/internvl.py and gguf-py/gguf/tensor_mapping.py; docs/gguf.md.
/// </summary>
internal sealed class InternVlFamily(Settings config) : CheckpointFamily
{
    private readonly bool isAuthors = config.Has("llm_config");

    public override string Name => "InternVL";

    public static bool Recognises(Settings config) =>
        config.TryText("model_type") is "internvl_chat" or "internvl" && config.Has("vision_config");

    public override Settings LanguageConfig(Settings config) =>
        Settings.Merge(
            config.Child(isAuthors ? "llm_config" : "text_config") ?? throw new CheckpointException(config.Path, "llm_config is missing."),
            LlavaFamily.Without(config, "architectures", "model_type")
        );

    public override (Side Side, string Name) Place(string name)
    {
        foreach (string prefix in (ReadOnlySpan<string>)["vision_model.", "model.vision_tower.", "vision_tower."])
            if (name.TryAfter(prefix, out string inner))
                return (Side.Vision, "tower." + inner);
        if (name.TryAfter("mlp1.", out string layer))
            return (Side.Vision, "connector." + layer);
        foreach (string prefix in (ReadOnlySpan<string>)["model.multi_modal_projector.", "multi_modal_projector."])
        {
            if (!name.TryAfter(prefix, out string part))
                continue;
            return (
                Side.Vision,
                part.Replace("layer_norm.", "connector.0.", StringComparison.Ordinal)
                    .Replace("linear_1.", "connector.1.", StringComparison.Ordinal)
                    .Replace("linear_2.", "connector.3.", StringComparison.Ordinal)
            );
        }

        return Names.TryLanguage(name, out string language) ? (Side.Language, language) : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        Settings vision = config.Child("vision_config")!;
        double ratio = config.TryNumber("downsample_ratio") ?? 0.5;
        long shuffle = ratio is > 0.01 and <= 1 ? (long)(1 / ratio) : throw config.Wrong("downsample_ratio", "within 0 to 1");
        var tower = new InternVitTower(vision);
        double layer = config.TryNumber("select_layer", "vision_feature_layer") ?? -1;
        long used = layer < 0 ? tower.BlockCount + 1 + (long)layer : (long)layer;
        if (used < 1 || used > tower.BlockCount)
            throw new CheckpointException(config.Path, $"select_layer {layer} is not one of the tower's {tower.BlockCount} blocks.");
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "internvl");
        tower.SetKeys(metadata, source, used);
        metadata.Set("clip.vision.projector.scale_factor", shuffle);
        SetTiles(metadata, source);
        // Before version 2 the shuffled tokens left column by column; the class's own default is version 1.
        if (isAuthors && config.TryText("ps_version") is null or "v1")
            metadata.Set("clip.vision.projector.token_order", "column");
        return new VisionModel(
            metadata,
            [.. Connector, .. isAuthors ? tower.AuthorsRules() : tower.TransformersRules()],
            new Dimensions([.. tower.Letters(source.LanguageWidth), ('M', tower.Width * shuffle * shuffle)]),
            used
        );
    }

    private void SetTiles(Metadata metadata, VisionSource source)
    {
        Settings? processor = isAuthors ? config : source.Processor;
        if (processor?.TryCount("min_dynamic_patch", "min_patches") is > 0 and long least)
            metadata.Set("clip.vision.preproc_min_tiles", least);
        if (processor?.TryCount("max_dynamic_patch", "max_patches") is > 0 and long most)
            metadata.Set("clip.vision.preproc_max_tiles", most);
    }

    private static TensorRule[] Connector =>
        [new("connector.0", "mm.model.mlp.0", "M"), new("connector.1", "mm.model.mlp.1", "HM"), new("connector.3", "mm.model.mlp.3", "HH")];
}
