using System.Globalization;
using Tessera.Checkpoints.Families;
using Tessera.Checkpoints.Language;
using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Weights;

namespace Tessera.Checkpoints.Vision;

/// <summary>
/// One of Cambrian's towers: its tensors and rules under a name of its own, and its Keys. Sources: cambrian-mllm/cambrian 539ffc3,
/// cambrian/model/multimodal_encoder/*.py; huggingface/transformers v5.12, models/{clip,dinov2,siglip};
/// huggingface/pytorch-image-models, timm/models/{vision_transformer,convnext}.py.
/// </summary>
internal abstract class CambrianTower
{
    // Each tower's letters are its own: a rule's shape names them by the tower's number.
    private const int LettersApart = 256;
    protected static readonly float[] ClipMean = [0.48145466f, 0.4578275f, 0.40821073f],
        ClipDeviation = [0.26862954f, 0.26130258f, 0.27577711f];

    private readonly Dictionary<string, StoredTensor> tensors = new(StringComparer.Ordinal);
    private readonly List<TensorRule> rules = [];
    private readonly List<(char, long)> letters = [];

    protected CambrianTower(VisionTowerFolder folder, int index)
    {
        Folder = folder;
        Index = index;
    }

    public int Index { get; }

    public IReadOnlyDictionary<string, StoredTensor> Tensors => tensors;

    public IReadOnlyList<TensorRule> Rules => rules;

    public IReadOnlyList<(char, long)> Letters => letters;

    /// <summary>Blocks that are written.</summary>
    public long BlockCount { get; protected set; }

    /// <summary>The letter of a feature's width.</summary>
    public char WidthLetter => Letter('E');

    protected VisionTowerFolder Folder { get; }

    protected Metadata Keys { get; } = new();

    private string Name => string.Create(CultureInfo.InvariantCulture, $"tower{Index}.");

    protected string Target => string.Create(CultureInfo.InvariantCulture, $"v.{Index}.");

    /// <summary>Sets the tower's Keys.</summary>
    /// <param name="metadata">The projector's.</param>
    /// <param name="tokenSide">Cells along a side of the map that the aggregator takes.</param>
    public void SetKeys(Metadata metadata, long tokenSide)
    {
        foreach ((string key, Gguf.GgufValue value) in Keys.Entries)
            metadata.Set(string.Create(CultureInfo.InvariantCulture, $"clip.vision.{Index}.{key}"), value);
        metadata.Set(string.Create(CultureInfo.InvariantCulture, $"clip.vision.{Index}.token_side"), tokenSide);
    }

    protected void SetSizes(string type, long size, long patch, long width, long heads)
    {
        if (heads < 1 || width % heads != 0)
            throw new CheckpointException(Folder.Folder.FullPath, $"its width of {width} is no multiple of its {heads} heads.");
        Keys.Set("type", type);
        Keys.Set("image_size", size);
        Keys.Set("patch_size", patch);
        Keys.Set("embedding_length", width);
        Keys.Set("attention.head_count", heads);
    }

    // Padding is the processor's mean colour; open_clip's transforms are wrapped, and the wrapper says CLIP's (base_encoder.py).
    protected void SetColours(bool ownPadding, float[] mean, float[] deviation)
    {
        Settings? processor = Folder.Folder.TryReadSettings("preprocessor_config.json"),
            transform = Folder.Folder.TryReadSettings("open_clip_config.json")?.Child("preprocess_cfg");
        float[] own = Colour(transform, "mean") ?? Colour(processor, "image_mean") ?? mean;
        Keys.Set("pad_mean", ownPadding ? own : ClipMean);
        Keys.Set("image_mean", own);
        Keys.Set("image_std", Colour(transform, "std") ?? Colour(processor, "image_std") ?? deviation);
    }

    private static float[]? Colour(Settings? settings, string key) =>
        settings?.TryNumbers(key) is { Length: 3 } values ? Array.ConvertAll(values, static value => (float)value) : null;

    // "facebook/dinov2-giant-res378": extract_res_interp.
    protected static long? Resolution(string name) =>
        name.Split('-')
            .Where(static part => part.StartsWith("res", StringComparison.Ordinal))
            .Select(static part =>
                long.TryParse(part.AsSpan(3), NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : (long?)null
            )
            .LastOrDefault(static size => size is > 0 and <= 8192);

    // What stands behind a prefix, or all where nothing does, but for what is left out; under another name where one is given.
    protected void Take(string prefix, Func<string, bool> isLeftOut, Func<string, string>? named = null)
    {
        StoredTensor[] behind = [.. Folder.AllTensors.Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal))];
        foreach (StoredTensor tensor in behind.Length > 0 ? behind : Folder.AllTensors)
        {
            string inner = behind.Length > 0 ? tensor.Name[prefix.Length..] : tensor.Name;
            if (!isLeftOut(inner))
                Take(named?.Invoke(inner) ?? inner, tensor);
        }
    }

    protected void Take(string name, StoredTensor tensor) => tensors[Name + name] = tensor;

    protected StoredTensor Require(string name, int dimensions) =>
        tensors.GetValueOrDefault(Name + name) is StoredTensor tensor
            ? tensor.Shape.Length == dimensions
                ? tensor
                : throw tensor.Fail($"has {tensor.Shape.Length} dimensions, not {dimensions}.")
            : throw new CheckpointException(Folder.Folder.FullPath, $"tensor '{name}' is missing.");

    protected long Blocks(string prefix) =>
        tensors
            .Keys.Where(name => name.StartsWith(Name + prefix, StringComparison.Ordinal))
            .Select(static name => TensorMapper.Pattern(name).Block + 1)
            .DefaultIfEmpty(0)
            .Max();

    protected void AddBlock(
        string source,
        string target,
        string from,
        string to,
        string shape,
        long count,
        bool isWhole = false,
        bool isFull = false
    ) =>
        Add(
            new TensorRule($"{source}{{}}.{from}", $"{target}{{}}.{to}", shape)
            {
                IsWhole = isWhole,
                IsFull = isFull,
                IsIn = block => block < count,
            }
        );

    protected void Add(TensorRule rule) =>
        rules.Add(
            rule with
            {
                Source = Name + rule.Source,
                Target = Target + rule.Target,
                Shape = string.Concat(rule.Shape.Select(Letter)),
                IsIn = rule.IsIn ?? (block => block < BlockCount),
            }
        );

    protected void AddLetters(IEnumerable<(char, long)> own) => letters.AddRange(own.Select(pair => (Letter(pair.Item1), pair.Item2)));

    private char Letter(char letter) => (char)(letter + LettersApart * (Index + 1));
}
