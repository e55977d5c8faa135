using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// MiniCPM-V 4.6, which was released in transformers' layout. Names and keys: ggml-org/llama.cpp v0.5.0, conversion/minicpm.py,
/// MiniCPMV4_6VisionModel, and gguf-py/gguf/tensor_mapping.py; docs/gguf.md.
/// </summary>
internal sealed class MiniCpmV46Family(Settings config) : CheckpointFamily
{
    private const string Merger = "tower.vit_merger.";
    private const long DefaultScale = 448;

    public override string Name => "MiniCPM-V 4.6";

    public static bool Recognises(Settings config) => config.TryText("model_type") is "minicpmv4_6" && config.Has("vision_config");

    public override Settings LanguageConfig(Settings config) =>
        Settings.Merge(
            config.Child("text_config") ?? throw new CheckpointException(config.Path, "text_config is missing."),
            LlavaFamily.Without(config, "architectures", "model_type")
        );

    public override (Side Side, string Name) Place(string name)
    {
        foreach (string prefix in (ReadOnlySpan<string>)["model.vision_tower.", "vision_tower."])
            if (name.TryAfter(prefix, out string tower))
                return (Side.Vision, "tower." + (tower.TryAfter("vision_model.", out string bare) ? bare : tower));
        foreach (string prefix in (ReadOnlySpan<string>)["model.merger.", "merger."])
            if (name.TryAfter(prefix, out string layer))
                return (Side.Vision, "merger." + layer);
        return Names.TryLanguage(name, out string language) ? (Side.Language, language) : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        TowerConfig tower = TowerConfig.Read(config.Child("vision_config")!);
        if (config.TryFlag("drop_vision_last_layer") == true || (config.TryCount("merger_times") ?? 1) != 1)
            throw new CheckpointException(config.Path, "drop_vision_last_layer and merger_times other than 1 are not supported.");
        bool mergesInside = MergesInside(source);
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "minicpmv4_6");
        tower.SetKeys(metadata, source, tower.BlockCount);
        // The tower's own size is that of its table of positions.
        metadata.Set("clip.vision.image_size", source.Processor?.TryCount("scale_resolution") ?? DefaultScale);
        metadata.Set("clip.vision.projector.scale_factor", mergesInside ? 4L : 2L);
        long block = config.TryCount("insert_layer_id") ?? config.Child("vision_config")!.TryCount("insert_layer_id") ?? 6;
        metadata.Set("clip.vision.wa_layer_indexes", [(int)block]);
        if (source.Processor?.TryCount("max_slice_nums") is > 0 and long most)
            metadata.Set("clip.vision.preproc_max_tiles", most);
        Dictionary<string, Weights.StoredTensor> tensors = source
            .Tensors.Where(pair => mergesInside || !pair.Key.StartsWith(Merger, StringComparison.Ordinal))
            .ToDictionary(StringComparer.Ordinal);
        return new VisionModel(
            metadata,
            [.. TowerConfig.Rules(isClip: false, keepsPostNorm: true), .. mergesInside ? WindowMerger : [], .. LastMerger],
            new Dimensions([.. tower.Letters(source.LanguageWidth), ('M', 4 * tower.Width)]),
            tower.BlockCount
        )
        {
            Tensors = tensors,
        };
    }

    private bool MergesInside(VisionSource source)
    {
        const string Key = "downsample_mode";
        string mode = source.Processor?.TryText(Key) ?? config.TryText(Key) ?? "16x";
        return mode is "16x" or "4x"
            ? mode == "16x"
            : throw new CheckpointException(config.Path, $"{Key} is '{CheckpointFolder.Shown(mode)}'; 16x and 4x are known.");
    }

    private static TensorRule[] WindowMerger =>
        [
            new(Merger + "layer_norm1", "v.vit_merger.ln1", "E"),
            new(Merger + "self_attn.q_proj", "v.vit_merger.attn_q", "EE"),
            new(Merger + "self_attn.k_proj", "v.vit_merger.attn_k", "EE"),
            new(Merger + "self_attn.v_proj", "v.vit_merger.attn_v", "EE"),
            new(Merger + "self_attn.out_proj", "v.vit_merger.attn_out", "EE"),
            new(Merger + "pre_norm", "v.vit_merger.ds_ln", "M"),
            new(Merger + "linear_1", "v.vit_merger.ds_ffn_up", ""),
            new(Merger + "linear_2", "v.vit_merger.ds_ffn_down", ""),
        ];

    private static TensorRule[] LastMerger =>
        [
            new("merger.mlp.0.pre_norm", "mm.input_norm", "M"),
            new("merger.mlp.0.linear_1", "mm.up", ""),
            new("merger.mlp.0.linear_2", "mm.down", ""),
        ];
}
