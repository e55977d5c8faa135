using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tensors;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Families;

/// <summary>Which file a tensor goes to.</summary>
internal enum Side
{
    Language,
    Vision,

    /// <summary>Low-rank adapters, which are merged into the language model.</summary>
    Adapter,

    /// <summary>Neither: heads that are not used, tables that follow from the configuration.</summary>
    Ignored,
}

/// <summary>A family of checkpoints in one layout that it was released in.</summary>
internal abstract class CheckpointFamily
{
    /// <summary>What the family is called, as the engine calls it.</summary>
    public abstract string Name { get; }

    /// <summary>Where a tensor of the checkpoint goes, and its name without what the layout puts before it.</summary>
    public abstract (Side Side, string Name) Place(string name);

    /// <summary>Whether it speaks; else it becomes one file, which is the vision side's.</summary>
    public virtual bool HasLanguage => true;

    /// <summary>The language model's configuration.</summary>
    public abstract Settings LanguageConfig(Settings config);

    /// <summary>The projector's file; null where there is no vision.</summary>
    public virtual VisionModel? ReadVision(VisionSource source) => null;

    /// <summary>Whether the tokenizer's chat template is how the family words its prompts; some brought one that they never used.</summary>
    public virtual bool KeepsChatTemplate => true;

    /// <summary>A chat template in the words of the authors, where their code has these and no file of the checkpoint; null for
    /// none.</summary>
    /// <param name="name">What the checkpoint is called.</param>
    /// <param name="language">The language model's keys, its vocabulary among them.</param>
    public virtual string? ChatTemplate(string name, Metadata language) => null;

    /// <summary>A tensor of the language model, with what adapters add to it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="tensor">What is stored.</param>
    /// <param name="adapters">The adapters, by the names that <see cref="Place"/> gave.</param>
    /// <exception cref="CheckpointException">An adapter does not fit it.</exception>
    public virtual TensorValues Adapt(string name, StoredTensor tensor, IReadOnlyDictionary<string, StoredTensor> adapters) =>
        TensorValues.Of(tensor);

    /// <summary>Keys of the language model's file that follow from the whole.</summary>
    public virtual void SetLanguageKeys(Metadata metadata, Settings config, LanguageArchitecture architecture) { }

    /// <summary>What the authors' code changes of the vocabulary that the tokenizer's files made.</summary>
    public virtual void ChangeVocabulary(Metadata metadata) { }
}

/// <summary>What a projector is made from.</summary>
/// <param name="Folder">The checkpoint.</param>
/// <param name="Config">Its config.json.</param>
/// <param name="Tensors">The tensors of the vision side, by the names that <see cref="CheckpointFamily.Place"/> gave.</param>
/// <param name="LanguageWidth">The language model's width.</param>
/// <param name="Tower">A folder with the vision tower alone, where the checkpoint has none; null where none was given.</param>
internal sealed record VisionSource(
    CheckpointFolder Folder,
    Settings Config,
    IReadOnlyDictionary<string, StoredTensor> Tensors,
    long LanguageWidth,
    VisionTowerFolder? Tower
)
{
    /// <summary>All such folders, for families with several towers.</summary>
    public IReadOnlyList<VisionTowerFolder> Towers
    {
        get => field ?? (Tower is null ? [] : [Tower]);
        init;
    }

    /// <summary>Whether the tower's own tensors are in the checkpoint.</summary>
    public bool HasTower => Tensors.Keys.Any(static name => name.StartsWith("tower.", StringComparison.Ordinal));

    /// <summary>The folder with the processor's settings.</summary>
    public CheckpointFolder ProcessorFolder
    {
        get => field ?? Folder;
        init;
    }

    /// <summary>The processor's settings; null if the checkpoint has none.</summary>
    public Settings? Processor
    {
        get
        {
            Settings? plain = ProcessorFolder.TryReadSettings("preprocessor_config.json"),
                whole = ProcessorFolder.TryReadSettings("processor_config.json");
            Settings? image = whole?.Child("image_processor") ?? whole;
            return image is null ? plain : Settings.Merge(image, plain);
        }
    }

    public StoredTensor Require(string name) =>
        Tensors.GetValueOrDefault(name)
        ?? throw new CheckpointException(Folder.FullPath, $"tensor '{name}' of the vision side is missing.");
}

/// <summary>A projector to be written: what its file says and how its tensors are named.</summary>
/// <param name="Metadata">The keys of <c>clip.*</c>.</param>
/// <param name="Rules">The tensors.</param>
/// <param name="Dimensions">The lengths that the rules' shapes name.</param>
/// <param name="BlockCount">The tower's blocks that are written.</param>
internal sealed record VisionModel(Metadata Metadata, IReadOnlyList<TensorRule> Rules, Dimensions Dimensions, long BlockCount)
{
    /// <summary>The tensors of the vision side, where some come from elsewhere than the checkpoint; null for the checkpoint's.</summary>
    public IReadOnlyDictionary<string, StoredTensor>? Tensors { get; init; }

    /// <summary>Tensors that follow from the configuration.</summary>
    public IReadOnlyList<(string Name, TensorValues Values)> Extra { get; init; } = [];
}

/// <summary>A folder with a vision tower, such as openai/clip-vit-large-patch14-336.</summary>
internal sealed class VisionTowerFolder : IDisposable
{
    private readonly CheckpointWeights weights;

    /// <summary>What open_clip's folders have in the place of config.json.</summary>
    public const string OpenClipConfig = "open_clip_config.json";

    public VisionTowerFolder(string path)
    {
        Folder = new CheckpointFolder(path);
        Settings config =
            Folder.TryReadSettings("config.json") ?? Folder.TryReadSettings(OpenClipConfig) ?? Folder.ReadSettings("config.json");
        WholeConfig = config;
        Config = config.Child("vision_config") ?? config;
        weights = CheckpointWeights.Open(Folder);
    }

    public CheckpointFolder Folder { get; }

    /// <summary>The tower's configuration.</summary>
    public Settings Config { get; }

    /// <summary>What the folder's config.json says, of the tower and of whatever else is in it.</summary>
    public Settings WholeConfig { get; }

    public IReadOnlyList<WeightFile> Files => weights.Files;

    /// <summary>All tensors as they are named.</summary>
    public IReadOnlyList<StoredTensor> AllTensors => weights.Tensors;

    /// <summary>Their names.</summary>
    public IReadOnlyCollection<string> TensorNames => weights.Names;

    /// <summary>The tower's tensors, named <c>tower.*</c>: those behind <c>vision_model.</c>, or all where a tower was saved without
    /// that.</summary>
    public IEnumerable<(string Name, StoredTensor Tensor)> Tensors
    {
        get
        {
            const string Prefix = "vision_model.";
            StoredTensor[] prefixed = [.. weights.Tensors.Where(static tensor => tensor.Name.StartsWith(Prefix, StringComparison.Ordinal))];
            return prefixed.Length > 0
                ? prefixed.Select(static tensor => ("tower." + tensor.Name[Prefix.Length..], tensor))
                : weights.Tensors.Select(static tensor => ("tower." + tensor.Name, tensor));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => weights.Dispose();
}
