using System.Globalization;
using Tessera.Gguf;

namespace Tessera.Vision.Families.Mllama;

/// <summary>
/// Llama 3.2 Vision's tower, by the keys of ollama/ollama, convert/convert_mllama.go, in a file of its own or in the language model's.
/// </summary>
internal sealed record MllamaConfig
{
    private const string Prefix = "mllama.vision.";
    private const int MaxSize = 8192,
        MaxBlocks = 512,
        MaxWidth = 1 << 16,
        MaxTiles = 16,
        MaxPatches = 1 << 14;

    // meta-llama/llama-models, models/llama3/multimodal/model.py; huggingface/transformers' released preprocessor_config.json.
    private static readonly float[] ClipMean = [0.48145466f, 0.4578275f, 0.40821073f];
    private static readonly float[] ClipDeviation = [0.26862954f, 0.26130258f, 0.27577711f];

    /// <summary>Side of a tile in pixels.</summary>
    public required int TileSize { get; init; }

    public required int PatchSize { get; init; }

    /// <summary>The most tiles; so many are always encoded.</summary>
    public required int TileCount { get; init; }

    public required int HiddenSize { get; init; }

    public required int FeedForwardSize { get; init; }

    public required int HeadCount { get; init; }

    /// <summary>Blocks before the global ones.</summary>
    public required int BlockCount { get; init; }

    /// <summary>Blocks behind them, with gates.</summary>
    public required int GlobalBlockCount { get; init; }

    /// <summary>Blocks whose inputs are features, too.</summary>
    public required IReadOnlyList<int> Intermediate { get; init; }

    public required float NormEpsilon { get; init; }

    /// <summary>Width of the language model.</summary>
    public required int Outputs { get; init; }

    public required IReadOnlyList<float> Mean { get; init; }

    public required IReadOnlyList<float> Deviation { get; init; }

    public int PatchCount => TileSize / PatchSize * (TileSize / PatchSize);

    /// <summary>Rows of a tile: its patches behind the class token.</summary>
    public int TileRows => PatchCount + 1;

    /// <summary>Zeros that bring a tile's rows to a multiple of 8.</summary>
    public int Fillers => (8 - TileRows % 8) % 8;

    /// <summary>Width of a feature: the last state and the intermediate ones.</summary>
    public int FeatureWidth => HiddenSize * (1 + Intermediate.Count);

    /// <summary>Rows of the tables of arrangements: one for each of the ways to lay so many tiles out, and one for none.</summary>
    public int ArrangementCount => 1 + TileArrangement.All(TileCount).Count;

    /// <summary>Whether a file holds such a tower.</summary>
    public static bool IsIn(GgufFile file) => file.Metadata.ContainsKey(Prefix + "block_count") && file.TryGetTensor("mm.0.weight", out _);

    /// <exception cref="ModelFileException">A key is missing, or its value cannot be.</exception>
    public static MllamaConfig Read(GgufFile file)
    {
        var config = new MllamaConfig
        {
            TileSize = Count(file, "image_size", MaxSize),
            PatchSize = Count(file, "patch_size", MaxSize),
            TileCount = Count(file, "max_num_tiles", MaxTiles),
            HiddenSize = Count(file, "embedding_length", MaxWidth),
            FeedForwardSize = Count(file, "feed_forward_length", MaxWidth),
            HeadCount = Count(file, "attention.head_count", MaxWidth),
            BlockCount = Count(file, "block_count", MaxBlocks),
            GlobalBlockCount = Count(file, "global.block_count", MaxBlocks),
            Intermediate = file.Metadata.RequireInt32Array(Prefix + "intermediate_layers_indices"),
            NormEpsilon = file.Metadata.RequireSingle(Prefix + "attention.layer_norm_epsilon"),
            Outputs = file.TryGetTensor("mm.0.bias", out GgufTensor? bias)
                ? checked((int)bias.Shape[0])
                : throw new ModelFileException(file.Path, "tensor 'mm.0.bias' is missing."),
            Mean = Colour(file, "clip.vision.image_mean", ClipMean),
            Deviation = Colour(file, "clip.vision.image_std", ClipDeviation),
        };
        config.Check(file);
        return config;
    }

    private void Check(GgufFile file)
    {
        if (TileSize % PatchSize != 0 || PatchCount > MaxPatches)
            throw Wrong(file, "image_size", TileSize.ToString(CultureInfo.InvariantCulture));
        if (HiddenSize % HeadCount != 0)
            throw Wrong(file, "attention.head_count", HeadCount.ToString(CultureInfo.InvariantCulture));
        // The encoder gathers them as the blocks run: rising, and each once.
        bool isRising = Intermediate.Zip(Intermediate.Skip(1)).All(static pair => pair.First < pair.Second);
        if (Intermediate.Count is 0 or > 16 || !isRising || Intermediate[0] < 0 || Intermediate[^1] >= BlockCount)
            throw Wrong(file, "intermediate_layers_indices", string.Join(' ', Intermediate.Take(16)));
        if (!(NormEpsilon is >= 0 and < 1))
            throw Wrong(file, "attention.layer_norm_epsilon", NormEpsilon.ToString(CultureInfo.InvariantCulture));
        if (Deviation.Any(static value => !(value is >= 0.001f and <= 10)) || Mean.Any(static value => !(value is >= 0 and <= 1)))
            throw new ModelFileException(file.Path, "clip.vision.image_mean or clip.vision.image_std holds a value that cannot be.");
    }

    private static int Count(GgufFile file, string key, int most)
    {
        uint value = file.Metadata.RequireUInt32(Prefix + key);
        return value > 0 && value <= (uint)most ? (int)value : throw Wrong(file, key, value.ToString(CultureInfo.InvariantCulture));
    }

    private static float[] Colour(GgufFile file, string key, float[] standard) =>
        !file.Metadata.TryGetSingleArray(key, out float[]? values) ? standard
        : values.Length == 3 ? values
        : throw new ModelFileException(file.Path, $"{key} must hold three numbers.");

    private static ModelFileException Wrong(GgufFile file, string key, string value) =>
        new(file.Path, $"{Prefix}{key} is {value}, which no Llama 3.2 Vision has.");
}
