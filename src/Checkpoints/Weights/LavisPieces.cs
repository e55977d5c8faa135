using System.Text.Json;

namespace Tessera.Checkpoints.Weights;

/// <summary>
/// The files that BLIP-2, InstructBLIP and MiniGPT-4 were released as by their authors: what these trained, EVA's tower or CLIP's and, for
/// MiniGPT-4, BLIP-2's Q-Former; the language model lies in a folder of its own (salesforce/LAVIS, lavis/models/blip2_models, eva_vit.py
/// and clip_vit.py; Vision-CAIR/MiniGPT-4, README.md and minigpt4/models/minigpt4.py). They are told by what is in them, whatever they are
/// called.
/// </summary>
internal sealed class LavisPieces
{
    /// <summary>What stands before the names of their tensors.</summary>
    public const string Prefix = "lavis.";

    /// <summary>The projection to the width of a MiniGPT's Llama.</summary>
    public const string MiniGptProjection = "llama_proj";

    // A key of the configuration of what has such files beside it, and the key inside it that names the projection.
    private const string ConfigKey = "lavis_pieces",
        ProjectionKey = "projection";

    // EVA's, and CLIP's (lavis/configs/models/blip2/blip2_pretrain_flant5xl_vitL.yaml).
    private static readonly string[] TowerTensors = ["patch_embed.proj.weight", "conv1.weight"];

    // A MiniGPT's folder holds BLIP-2's file too, so its own projection comes first.
    private static readonly (string Projection, string Family)[] Kinds =
    [
        (MiniGptProjection, "MiniGPT-4"),
        ("llm_proj", "InstructBLIP"),
        ("t5_proj", "BLIP-2 or InstructBLIP"),
        ("opt_proj", "BLIP-2"),
    ];

    // bert-base-uncased is where LAVIS takes the Q-Former's tokenizer and dimensions from; the other is transformers' name for it.
    private static readonly string[] BertFolders = ["bert-base-uncased", "qformer_tokenizer"];

    private readonly string projection;
    private readonly string family;

    private LavisPieces(string projection, string family, IReadOnlyList<string> files) =>
        (this.projection, this.family, Files) = (projection, family, files);

    /// <summary>The names of the files, what the authors trained before what they began with.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>The files in a folder, if one of them is the authors' own; null otherwise.</summary>
    /// <exception cref="CheckpointException">Several are.</exception>
    public static LavisPieces? Find(CheckpointFolder root)
    {
        (string Name, HashSet<string> Tensors)[] files =
        [
            .. root
                .FileNames.Where(WeightLayout.PyTorchPlain.Matches)
                .Select(name => (name, TryReadNames(root, name)))
                .Where(static file => file.Item2 is not null)
                .Select(static file => (file.name, file.Item2!)),
        ];
        foreach ((string projection, string family) in Kinds)
        {
            string[] own = [.. files.Where(file => file.Tensors.Contains(projection + ".weight")).Select(static file => file.Name)];
            if (own.Length > 1)
                throw new CheckpointException(
                    root.FullPath,
                    $"{CheckpointFolder.Shown(own[0])} and {CheckpointFolder.Shown(own[1])} both hold a {family}; one of them must go."
                );
            if (own.Length == 1)
                return new LavisPieces(
                    projection,
                    family,
                    [
                        own[0],
                        .. files
                            .Where(file =>
                                file.Name != own[0] && (projection == MiniGptProjection || TowerTensors.Any(file.Tensors.Contains))
                            )
                            .Select(static file => file.Name),
                    ]
                );
        }

        return null;
    }

    /// <summary>The projection that a configuration's files hold, such as "t5_proj"; null where it has none of such files.</summary>
    public static string? ProjectionOf(Settings config) => config.Child(ConfigKey)?.TryText(ProjectionKey);

    /// <summary>The folder with the Q-Former's tokenizer and its configuration; null where there is none.</summary>
    public static CheckpointFolder? BertFolder(CheckpointFolder root) =>
        BertFolders
            .Where(name => Directory.Exists(root.PathOf(name)))
            .Select(name => new CheckpointFolder(root.PathOf(name)))
            .FirstOrDefault();

    /// <summary>The language model's configuration with what is known of the files.</summary>
    public Settings Mark(Settings config)
    {
        string json = $$"""{"{{ProjectionKey}}":"{{projection}}"}""";
        return config.With(ConfigKey, new Settings(config.Path, JsonDocument.Parse(json).RootElement));
    }

    /// <summary>The language model's folder: the root where it has a configuration, else the one folder in it that has.</summary>
    /// <exception cref="CheckpointException">There is none, or there are several.</exception>
    public CheckpointFolder LanguageFolder(CheckpointFolder root)
    {
        if (root.Has("config.json"))
            return root;
        string[] folders =
        [
            .. Directory
                .EnumerateDirectories(root.FullPath)
                .Where(static path => File.Exists(Path.Combine(path, "config.json")) && !BertFolders.Contains(Path.GetFileName(path))),
        ];
        return folders.Length == 1
            ? new CheckpointFolder(folders[0])
            : throw new CheckpointException(
                root.FullPath,
                $"its files are {family}'s, and the language model's folder belongs beside them; {folders.Length} folders in it have a "
                    + "config.json."
            );
    }

    // What else is saved in this way, such as an optimizer's state, is none of them.
    private static HashSet<string>? TryReadNames(CheckpointFolder root, string name)
    {
        try
        {
            using var file = new WeightFile(root.PathOf(name));
            return [.. PyTorchFile.Read(file).Select(static tensor => tensor.Name)];
        }
        catch (CheckpointException)
        {
            return null;
        }
    }
}
