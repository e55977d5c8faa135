using System.Globalization;
using System.Text.Json;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Vision;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// OpenFlamingo as its authors released it (openflamingo/OpenFlamingo-3B-vitl-mpt1b, -4B-vitl-rpj3b, -9B-vitl-mpt7b, ...): what they
/// trained in <c>checkpoint.pt</c>, the language model's folder beside it, and CLIP's. Names: mlfoundations/open_flamingo,
/// open_flamingo/src; docs/gguf.md.
/// </summary>
internal sealed class FlamingoFamily : CheckpointFamily
{
    private const string ConfigKey = "tessera_flamingo";

    /// <summary>What the folder's layout adds to the language model's configuration: a key that no other has, and the tower's
    /// name.</summary>
    public const string OwnConfig = "{\"" + ConfigKey + "\":{},\"mm_vision_tower\":\"" + TowerName + "\"}";

    private const string Crossing = ".gated_cross_attn_layer.",
        Trained = "lang_encoder.",
        TowerName = "openai/clip-vit-large-patch14";
    private static readonly string[] Embeddings = ["transformer.wte.weight", "gpt_neox.embed_in.weight", "embed_out.weight"];
    private readonly Settings config;
    private readonly HashSet<string> trained;
    private long tokenCount,
        memoryWidth;

    public FlamingoFamily(Settings config, IReadOnlyCollection<string> names)
    {
        this.config = config;
        trained =
        [
            .. names
                .Where(static name => name.StartsWith(FlamingoPieces.Prefix, StringComparison.Ordinal))
                .Select(Inner)
                .Where(static name => name.StartsWith(Trained, StringComparison.Ordinal))
                .Select(static name => name[Trained.Length..]),
        ];
    }

    public override string Name => "OpenFlamingo";

    public override bool KeepsChatTemplate => false;

    public static bool Recognises(Settings config) => config.Has(ConfigKey);

    public override Settings LanguageConfig(Settings config)
    {
        string? type = config.TryText("model_type");
        string architecture = type switch
        {
            "mpt" or "mosaic_gpt" => LanguageArchitectures.FlamingoMpt,
            "gpt_neox" => LanguageArchitectures.FlamingoNeox,
            _ => throw new CheckpointException(
                config.Path,
                $"it is an {Name}, but its language model '{CheckpointFolder.Shown(type ?? "none")}' is not known; MPT and GPT-NeoX are."
            ),
        };
        long[] crossed = [.. trained.Where(static name => name.Contains(Crossing)).Select(static name => TensorMapper.Pattern(name).Block)];
        if (crossed.Length == 0)
            throw new CheckpointException(config.Path, $"it is an {Name}, but no layer of its language model looks at pictures.");
        string own = $$"""
            {"model_type":"{{architecture}}","architectures":[],
             "cross_attn_every_n_layers":{{(crossed.Min() + 1).ToString(CultureInfo.InvariantCulture)}}}
            """;
        return Settings.Merge(Parsed(own), config);
    }

    // The authors' tables of tokens have rows for two tokens more, and stand in the place of the language model's.
    public override (Side Side, string Name) Place(string name)
    {
        if (!name.StartsWith(FlamingoPieces.Prefix, StringComparison.Ordinal))
            return Embeddings.Contains(name) && trained.Contains(name) ? (Side.Ignored, name) : (Side.Language, name);
        name = Inner(name);
        if (name.TryAfter("perceiver.", out string _))
            return (Side.Vision, name);
        if (!name.TryAfter(Trained, out string language))
            return (Side.Ignored, name);
        bool isCopy =
            language.StartsWith("gated_cross_attn_layers.", StringComparison.Ordinal)
            || language.StartsWith("old_decoder_blocks.", StringComparison.Ordinal)
            || language.Contains(".decoder_layer.", StringComparison.Ordinal);
        return (isCopy ? Side.Ignored : Side.Language, language);
    }

    // Only the tensors tell how many tokens there are with those that were added, and how wide is what the blocks look at.
    public override TensorValues Adapt(string name, StoredTensor tensor, IReadOnlyDictionary<string, StoredTensor> adapters)
    {
        if (Embeddings.Contains(name) && tensor.Shape.Length == 2)
            tokenCount = tensor.Shape[0];
        if (name.EndsWith("gated_cross_attn_layer.attn.to_kv.weight", StringComparison.Ordinal) && tensor.Shape.Length == 2)
            memoryWidth = tensor.Shape[1];
        return TensorValues.Of(tensor);
    }

    public override void SetLanguageKeys(Metadata metadata, Settings config, LanguageArchitecture architecture)
    {
        ((FlamingoArchitecture)architecture).TokenCount = tokenCount;
        metadata.Set($"{architecture.Name}.cross_attention.memory_length", memoryWidth);
    }

    public override VisionModel ReadVision(VisionSource source)
    {
        StoredTensor query = source.Require("perceiver.layers.0.0.to_q.weight"),
            latents = source.Require("perceiver.latents");
        long depth =
            source
                .Tensors.Keys.Where(static name => name.StartsWith("perceiver.layers.", StringComparison.Ordinal))
                .Max(static name => TensorMapper.Pattern(name).Block) + 1;
        if (source.Tower is not VisionTowerFolder folder)
            throw new CheckpointException(
                source.Folder.FullPath,
                $"the vision tower is not in it; it was released as {TowerName}, whose folder is needed too."
            );
        var tower = FlamingoTower.Read(folder);
        var metadata = new Metadata();
        metadata.Set("clip.projector_type", "flamingo");
        tower.Config.SetKeys(metadata, source, tower.Config.BlockCount);
        metadata.Set("clip.perceiver.attention.head_count", FlamingoRules.HeadCount);
        return new VisionModel(
            metadata,
            [.. tower.Rules, .. FlamingoRules.Perceiver(depth)],
            new Dimensions([
                .. tower.Config.Letters(source.LanguageWidth),
                ('L', latents.Shape[0]),
                ('A', query.Shape[0]),
                ('B', 2 * query.Shape[0]),
                ('W', 3 * tower.Config.Width),
                ('4', 4 * tower.Config.Width),
            ]),
            tower.Config.BlockCount
        )
        {
            Tensors = source.Tensors.Concat(tower.Tensors).ToDictionary(StringComparer.Ordinal),
        };
    }

    // Without what torch's data parallelism and the layout put before it.
    private static string Inner(string name)
    {
        name = name[FlamingoPieces.Prefix.Length..];
        return name.TryAfter("module.", out string inner) ? inner : name;
    }

    private Settings Parsed(string json) => new(config.Path, JsonDocument.Parse(json).RootElement);
}
