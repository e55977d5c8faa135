using System.Text.Json;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints;

/// <summary>
/// Where the sides of a checkpoint lie: all in one folder, as most are released, or each in a folder of its own under names that VILA gave
/// them (NVlabs/VILA, llava/model/llava_arch.py, save_pretrained).
/// </summary>
internal sealed class CheckpointParts
{
    // The keys of the root's configuration under which each part's own is found.
    private static readonly (string Name, string ConfigKey)[] Known =
    [
        ("llm", "llm_cfg"),
        ("vision_tower", "vision_tower_cfg"),
        ("mm_projector", "mm_projector_cfg"),
    ];

    private readonly IReadOnlyList<CheckpointFolder> parts;
    private readonly LavisPieces? pieces;
    private readonly IReadOnlyList<string> flamingo = [];
    private readonly CandleBlip? candle;
    private readonly CheckpointFolder language;

    /// <param name="root">The checkpoint.</param>
    /// <param name="languageModel">The language model's folder, where it is not in the checkpoint; null where it is.</param>
    /// <exception cref="CheckpointException">A part is missing though another is there.</exception>
    public CheckpointParts(CheckpointFolder root, string? languageModel)
    {
        Root = root;
        pieces = LavisPieces.Find(root);
        if (pieces is null)
            flamingo = FlamingoPieces.Find(root);
        candle = CandleBlip.Find(root);
        bool isInPieces = pieces is not null || flamingo.Count > 0;
        if (!isInPieces && languageModel is not null)
            throw new CheckpointException(root.FullPath, "its language model is in it, so no other folder of one can belong to it.");
        language =
            candle is not null ? candle.TokenizerFolder
            : !isInPieces ? root
            : languageModel is not null ? new CheckpointFolder(languageModel)
            : pieces?.LanguageFolder(root) ?? FlamingoPieces.LanguageFolder(root);
        bool isDivided = Known.Any(part => Directory.Exists(root.PathOf(part.Name)));
        parts = isDivided ? [.. Known.Select(part => new CheckpointFolder(root.PathOf(part.Name)))] : [];
    }

    public CheckpointFolder Root { get; }

    /// <summary>The folder with the language model's tokenizer.</summary>
    public CheckpointFolder Language => parts.Count > 0 ? parts[0] : language;

    /// <summary>The folder with the image processor's settings.</summary>
    public CheckpointFolder Vision => parts.Count > 0 ? parts[1] : Root;

    /// <summary>The root's config.json, in which a part's own config.json stands for what the root says of it.</summary>
    /// <exception cref="CheckpointException">One cannot be read.</exception>
    public Settings ReadConfig()
    {
        Settings config = candle is null ? language.ReadSettings("config.json") : candle.ReadConfig();
        if (pieces is not null)
            config = pieces.Mark(config);
        else if (flamingo.Count > 0)
            config = Settings.Merge(new Settings(config.Path, JsonDocument.Parse(FlamingoFamily.OwnConfig).RootElement), config);
        for (int index = 0; index < parts.Count; index++)
            if (parts[index].TryReadSettings("config.json") is Settings own)
                config = config.With(Known[index].ConfigKey, own);
        return config;
    }

    /// <summary>Opens the weights; those of a part have its name and a full stop in front of theirs.</summary>
    /// <exception cref="CheckpointException">There are none, or a file is damaged.</exception>
    public CheckpointWeights OpenWeights() =>
        parts.Count > 0 ? CheckpointWeights.OpenParts(parts)
        : pieces is not null ? CheckpointWeights.OpenWith(language, Root, pieces.Files, LavisPieces.Prefix)
        : flamingo.Count > 0 ? CheckpointWeights.OpenWith(language, Root, flamingo, FlamingoPieces.Prefix)
        : candle is not null ? CheckpointWeights.Open(Root, [candle.FileName], WeightLayout.Gguf)
        : CheckpointWeights.Open(Root);

    /// <summary>The files that say what the checkpoint is, by the names that are recorded.</summary>
    public IEnumerable<(string Name, string Path)> SettingFiles()
    {
        string[] names = ["config.json", "tokenizer.model", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"];
        IEnumerable<(string, CheckpointFolder)> folders = parts.Select(static part => (part.Name + "/", part)).Prepend(("", language));
        return folders.SelectMany(pair => names.Where(pair.Item2.Has).Select(name => (pair.Item1 + name, pair.Item2.PathOf(name))));
    }
}
