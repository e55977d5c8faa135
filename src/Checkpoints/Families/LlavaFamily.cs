using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// LLaVA-1, 1.5, NeXT, NeXT-Video, NeXT-Interleave and OneVision, in transformers' layout (llava-hf) and the authors' (liuhaotian,
/// lmms-lab). Keys: docs/gguf.md. Layouts: huggingface/transformers v5.12, models/llava*; haotian-liu/LLaVA, llava/model/llava_arch.py.
/// </summary>
internal class LlavaFamily(Settings config) : CheckpointFamily
{
    private readonly bool isAuthors = !config.Has("text_config");

    public override string Name => Tiling.Name;

    // The tokenizer's is the language model's own. OneVision and Interleave word prompts as Qwen does.
    public override bool KeepsChatTemplate => !isAuthors || Tiling.IsSiglip;

    private LlavaTiling Tiling => new(config, isAuthors);

    /// <summary>Whether a checkpoint is of this kind.</summary>
    public static bool Recognises(Settings config) =>
        config.TryText("model_type") is "llava" or "llava_next" or "llava_next_video" or "llava_onevision"
            && config.Has("vision_config")
            && config.Has("text_config")
            && config.Child("vision_config")!.TryText("model_type") is null or "clip_vision_model" or "siglip_vision_model"
        || config.Has("mm_projector_type")
        || config.Has("mm_vision_tower");

    public override string? ChatTemplate(string name, Metadata language) =>
        KeepsChatTemplate ? null : LlavaWording.Template(config, name, text => LlavaWording.HasToken(language, text));

    public override Settings LanguageConfig(Settings config)
    {
        if (isAuthors)
            return config;
        Settings text = config.Child("text_config")!;
        // Where the text side names neither class nor type, it is of the class's default.
        string fallback = config.TryText("model_type") == "llava_onevision" ? "qwen2" : "llama";
        if (!text.Has("model_type") && !text.Has("architectures"))
            text = Settings.Merge(text, new Settings(config.Path, JsonDocument.Parse($$"""{"model_type":"{{fallback}}"}""").RootElement));
        return Settings.Merge(text, Without(config, "architectures", "model_type"));
    }

    public override (Side Side, string Name) Place(string name)
    {
        foreach (string prefix in (ReadOnlySpan<string>)["model.vision_tower.vision_tower.", "model.vision_tower.", "vision_tower."])
        {
            if (!name.TryAfter(prefix, out string inner))
                continue;
            inner = inner.TryAfter("vision_model.", out string bare) ? bare : inner;
            return inner.StartsWith("head.", StringComparison.Ordinal) || inner.StartsWith("post_layernorm.", StringComparison.Ordinal)
                ? (Side.Ignored, name)
                : (Side.Vision, "tower." + inner);
        }

        if (name is "image_newline" or "model.image_newline")
            return (Side.Vision, "image_newline");
        foreach (string prefix in (ReadOnlySpan<string>)["model.multi_modal_projector.", "multi_modal_projector."])
            if (name.TryAfter(prefix, out string layer))
                return (
                    Side.Vision,
                    layer
                        .Replace("linear_1.", "connector.0.", StringComparison.Ordinal)
                        .Replace("linear_2.", "connector.2.", StringComparison.Ordinal)
                );
        if (name.TryAfter("model.mm_projector.", out string part) || name.TryAfter("mm_projector.", out part))
            return (Side.Vision, part is "weight" or "bias" ? $"connector.0.{part}" : $"connector.{part}");
        if (isAuthors)
            return (Side.Language, name);
        return Names.TryLanguage(name, out string language) ? (Side.Language, language) : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        if (!isAuthors)
            RequireKnownFeatures();
        var tensors = new Dictionary<string, StoredTensor>(source.Tensors, StringComparer.Ordinal);
        TowerConfig tower = ReadTower(source, tensors);
        if (isAuthors && tower.IsClip && config.TryText("mm_vision_select_feature") is string feature and not "patch")
            throw new CheckpointException(
                config.Path,
                $"mm_vision_select_feature is '{CheckpointFolder.Shown(feature)}', which is not supported; known is patch."
            );
        long layer = FeatureLayer(tower);
        var metadata = new Metadata();
        metadata.Set("clip.has_llava_projector", true);
        metadata.Set("clip.projector_type", "mlp");
        tower.SetKeys(metadata, source, layer);
        metadata.Set("clip.vision.feature_layer", [(int)layer]);
        if (config.TryFlag("mm_use_im_start_end") == true)
            metadata.Set("clip.vision.mm_use_im_start_end", true);
        Tiling.SetKeys(metadata, tensors.ContainsKey("image_newline"), tower.ImageSize);
        return new VisionModel(
            metadata,
            [.. TowerConfig.Rules(tower.IsClip, keepsPostNorm: false), .. Connector(tensors)],
            new Dimensions(tower.Letters(source.LanguageWidth)),
            layer
        )
        {
            Tensors = tensors,
        };
    }

    /// <summary>The tower's configuration; its tensors join the others where they lie in a folder of their own.</summary>
    protected TowerConfig ReadTower(VisionSource source, Dictionary<string, StoredTensor> tensors)
    {
        if (source.Tower is VisionTowerFolder given && !source.HasTower)
        {
            foreach ((string name, StoredTensor tensor) in given.Tensors)
                if (
                    !name.StartsWith("tower.post_layernorm.", StringComparison.Ordinal)
                    && !name.StartsWith("tower.head.", StringComparison.Ordinal)
                    && !Names.IsTable(name)
                )
                    tensors[name] = tensor;
            return TowerConfig.Read(given.Config);
        }

        if (!source.HasTower)
        {
            throw new CheckpointException(
                source.Folder.FullPath,
                "the vision tower is not in it; it was released as "
                    + $"{CheckpointFolder.Shown(config.TryText("mm_vision_tower") ?? "a checkpoint of its own")}, whose folder is "
                    + "needed too."
            );
        }

        Settings? known = config.Child("vision_config") ?? source.Tower?.Config;
        return known is not null ? TowerConfig.Read(known) : TowerConfig.FromTensors(source, config.TryText("mm_vision_tower") ?? "");
    }

    // CLIP's class token is left out, and SigLIP has none; "default" leaves out the first token of either.
    private void RequireKnownFeatures()
    {
        const string StrategyKey = "vision_feature_select_strategy",
            ActivationKey = "projector_hidden_act";
        bool isClip = config.Child("vision_config")!.TryText("model_type") is null or "clip_vision_model";
        if (config.TryText(StrategyKey) is string strategy && strategy != (isClip ? "default" : "full"))
            throw new CheckpointException(
                config.Path,
                $"{StrategyKey} '{CheckpointFolder.Shown(strategy)}' is not supported with {(isClip ? "CLIP" : "SigLIP")}; "
                    + $"'{(isClip ? "default" : "full")}' is."
            );
        if (config.TryText(ActivationKey) is string activation and not "gelu")
            throw new CheckpointException(
                config.Path,
                $"{ActivationKey} is '{CheckpointFolder.Shown(activation)}', which is not supported; 'gelu' is."
            );
        if (config.TryGet("vision_feature_layer", out JsonElement layers) && layers.ValueKind == JsonValueKind.Array)
            throw new CheckpointException(config.Path, "vision_feature_layer names several layers, which is not supported.");
    }

    // An index into the hidden states, 0 being the blocks' input. The authors cut SigLIP's last block off, take the last state and save the
    // tower as it is then (LLaVA-VL/LLaVA-NeXT, llava/model/multimodal_encoder/siglip_encoder.py), whatever mm_vision_select_layer says.
    protected long FeatureLayer(TowerConfig tower)
    {
        const long WholeSiglip = 27;
        if (isAuthors && !tower.IsClip)
            return tower.IsFromTensors && tower.BlockCount != WholeSiglip ? tower.BlockCount : tower.BlockCount - 1;
        double layer = config.TryNumber("vision_feature_layer", "mm_vision_select_layer") ?? -2;
        long index = layer < 0 ? tower.BlockCount + 1 + (long)layer : (long)layer;
        return index >= 1 && index <= tower.BlockCount
            ? index
            : throw new CheckpointException(
                config.Path,
                $"the vision feature layer {layer} is not one of the tower's {tower.BlockCount} blocks."
            );
    }

    /// <summary>The connector's tensors, by those that are there.</summary>
    protected static IEnumerable<TensorRule> Connector(Dictionary<string, StoredTensor> tensors)
    {
        if (tensors.ContainsKey("image_newline"))
            yield return new TensorRule("image_newline", "v.image_newline", "H") { IsWhole = true };
        yield return new TensorRule("connector.0", "mm.0", "HE");
        if (tensors.ContainsKey("connector.3.weight"))
        {
            yield return new TensorRule("connector.1", "mm.1", "H");
            yield return new TensorRule("connector.3", "mm.3", "HH");
            yield return new TensorRule("connector.4", "mm.4", "H");
        }
        else if (tensors.ContainsKey("connector.2.weight"))
        {
            yield return new TensorRule("connector.2", "mm.2", "HH");
        }
    }

    internal static Settings Without(Settings config, params string[] keys)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            foreach (JsonProperty property in config.Root.EnumerateObject().Where(property => !keys.Contains(property.Name)))
                property.WriteTo(writer);
            writer.WriteEndObject();
        }

        return new Settings(config.Path, JsonDocument.Parse(buffer.ToArray(), new JsonDocumentOptions { MaxDepth = 128 }).RootElement);
    }
}
