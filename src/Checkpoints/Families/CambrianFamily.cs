using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// Cambrian-1 as its authors released it: language model and aggregator in one checkpoint, the towers, which were not trained, in their own
/// beside it. Source: cambrian-mllm/cambrian 539ffc3, cambrian/model. Keys: docs/gguf.md.
/// </summary>
internal sealed class CambrianFamily(Settings config) : CheckpointFamily
{
    public override string Name => "Cambrian-1";

    // The tokenizer's is the language model's own.
    public override bool KeepsChatTemplate => false;

    public static bool Recognises(Settings config) =>
        config.TryText("model_type") is "cambrian_llama" || config.Texts("architectures").Contains("CambrianLlamaForCausalLM");

    // Without layers of the aggregator in it, the language model is a plain Llama.
    public override Settings LanguageConfig(Settings config) =>
        HasSamplers(config)
            ? config
            : Settings.Merge(
                new Settings(config.Path, JsonDocument.Parse("""{"model_type":"llama"}""").RootElement),
                LlavaFamily.Without(config, "architectures", "model_type")
            );

    public override (Side Side, string Name) Place(string name)
    {
        if (name.TryAfter("model.vision_sampler_layers.", out string inside))
            return HasSamplers(config) ? (Side.Language, ByBlock(inside)) : (Side.Ignored, name);
        foreach (string part in (ReadOnlySpan<string>)["mm_projector", "vision_sampler_", "vision_query", "image_newline"])
            if (name.StartsWith("model." + part, StringComparison.Ordinal))
                return (Side.Vision, name["model.".Length..].Replace("mm_projector_aux_", "aux", StringComparison.Ordinal));
        return name.StartsWith("model.vision_tower", StringComparison.Ordinal) ? (Side.Ignored, name) : (Side.Language, name);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        if (config.TryText("mm_projector_type") is not "sva")
            throw new CheckpointException(config.Path, "mm_projector_type is not 'sva', which is the one of Cambrian's that is known.");
        if (config.TryNumbers("query_num_list") is not [double queries] || (long)queries != config.Size("image_token_len"))
            throw new CheckpointException(config.Path, "query_num_list is not one group of as many queries as image_token_len.");
        if (config.TryFlag("mm_use_im_start_end") == true)
            throw new CheckpointException(config.Path, "mm_use_im_start_end is set, which no released Cambrian has.");
        string[] names = config.Texts("mm_vision_tower_aux_list");
        IReadOnlyList<long> windows = CambrianArchitecture.WindowSides(config);
        if (names.Length != windows.Count)
            throw new CheckpointException(config.Path, "mm_vision_tower_aux_list is not as long as mm_vision_tower_aux_token_len_list.");
        long side = CambrianArchitecture.Side(config, "image_token_len", config.Size("image_token_len"));
        CambrianTower[] towers = [.. CambrianTowers.Match(source, names).Select((tower, index) => Tower(tower, index, names[index]))];
        var metadata = new Metadata();
        metadata.Set("clip.has_vision_encoder", true);
        metadata.Set("clip.projector_type", "cambrian_sva");
        metadata.Set("clip.vision.projection_dim", source.LanguageWidth);
        metadata.Set("clip.vision.tower_count", (long)towers.Length);
        metadata.Set("clip.vision.sampler.query_side", side);
        metadata.Set("clip.vision.sampler.head_count", CambrianArchitecture.SamplerHeads);
        if (!HasSamplers(config))
            metadata.Set("clip.vision.sampler.in_language_model", false);
        for (int index = 0; index < towers.Length; index++)
            towers[index].SetKeys(metadata, windows[index] * side);
        var tensors = new Dictionary<string, StoredTensor>(source.Tensors, StringComparer.Ordinal);
        foreach ((string name, StoredTensor tensor) in towers.SelectMany(static tower => tower.Tensors))
            tensors[name] = tensor;
        long width = config.Size("vision_hidden_size"),
            depth = config.Size("connector_depth");
        return new VisionModel(
            metadata,
            [.. towers.SelectMany(static tower => tower.Rules), .. Connector(towers, depth)],
            new Dimensions([
                .. towers.SelectMany(static tower => tower.Letters),
                ('H', source.LanguageWidth),
                ('W', width),
                ('X', 2 * width),
            ]),
            Math.Max(depth, towers.Max(static tower => tower.BlockCount))
        )
        {
            Tensors = tensors,
        };
    }

    private static bool HasSamplers(Settings config) => config.TryFlag("connector_only") != true;

    // Numbered by the block that it follows: "1.layers.0.norm.weight" -> "model.sampler.3.norm.weight".
    private string ByBlock(string name)
    {
        const string Inside = ".layers.0.";
        IReadOnlyList<long> blocks = CambrianArchitecture.SamplerBlocks(config);
        int end = name.IndexOf(Inside, StringComparison.Ordinal);
        bool isKnown =
            int.TryParse(name.AsSpan(0, Math.Max(0, end)), NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            && index < blocks.Count;
        return isKnown
            ? string.Create(CultureInfo.InvariantCulture, $"{CambrianArchitecture.SamplerPrefix}{blocks[index]}.")
                + name[(end + Inside.Length)..]
            : "model.vision_sampler_layers." + name;
    }

    private CambrianTower Tower(VisionTowerFolder folder, int index, string name) =>
        CambrianTowers.KindOf(name) switch
        {
            TowerKind.Clip => CambrianTransformer.Clip(folder, index, config),
            TowerKind.Siglip => CambrianTransformer.Siglip(folder, index, name),
            TowerKind.Dino => CambrianDino.Dino(folder, index, name, config),
            _ => CambrianConvNext.ConvNext(folder, index, name),
        };

    private static IEnumerable<TensorRule> Connector(CambrianTower[] towers, long depth)
    {
        yield return new TensorRule("vision_query", "sva.query", "")
        {
            IsWhole = true,
            Change = static values => values.Reshape(values.RowLength),
        };
        yield return new TensorRule("image_newline", "v.image_newline", "H") { IsWhole = true };
        yield return new TensorRule("mm_projector.0", "mm.0", "HW");
        yield return new TensorRule("mm_projector.2", "mm.2", "HH");
        foreach (CambrianTower tower in towers)
        {
            yield return new TensorRule($"aux{tower.Index}.0", $"mm.aux.{tower.Index}.0", "W" + tower.WidthLetter);
            yield return new TensorRule($"aux{tower.Index}.2", $"mm.aux.{tower.Index}.2", "WW");
            yield return new TensorRule($"aux{tower.Index}.3", $"mm.aux.{tower.Index}.3", "W");
        }

        foreach (
            TensorRule rule in CambrianArchitecture.SamplerRules(
                "vision_sampler_0.layers.{}.",
                "sva.{}.",
                towers.Length,
                'W',
                block => block < depth
            )
        )
            yield return rule;
    }
}
