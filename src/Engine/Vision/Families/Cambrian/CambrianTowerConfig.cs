using System.Globalization;
using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Cambrian;

/// <summary>One of the towers: what it sees, and what is kept of its map.</summary>
/// <param name="Index">Its number.</param>
/// <param name="ImageSize">Side of its square input in pixels.</param>
/// <param name="PatchSize">Side of a patch in pixels.</param>
/// <param name="TokenSide">Cells along a side of the map that its own is brought to.</param>
/// <param name="Padding">The mean colour that is put around pictures that are no squares.</param>
/// <param name="Mean">Mean of its pixels.</param>
/// <param name="Deviation">Their deviation.</param>
internal abstract record CambrianTowerConfig(
    int Index,
    int ImageSize,
    int PatchSize,
    int TokenSide,
    IReadOnlyList<float> Padding,
    IReadOnlyList<float> Mean,
    IReadOnlyList<float> Deviation
)
{
    private const int MaxImageSize = 8192,
        MaxPatches = 1 << 17,
        MaxSide = 1024,
        MaxWidth = 1 << 16,
        MaxBlocks = 512;

    /// <summary>Width of a feature.</summary>
    public abstract int Width { get; }

    /// <summary>Patches along a side of the input; what is left beside them is not seen.</summary>
    public int PatchSide => ImageSize / PatchSize;

    /// <exception cref="ModelFileException">A key is missing, or its value cannot be.</exception>
    public static CambrianTowerConfig Read(GgufFile file, int index)
    {
        string prefix = PrefixOf(index),
            type = file.Metadata.RequireString(prefix + "type");
        int size = Count(file, prefix + "image_size", MaxImageSize),
            patch = Count(file, prefix + "patch_size", size),
            side = Count(file, prefix + "token_side", MaxSide);
        if ((long)(size / patch) * (size / patch) > MaxPatches)
            throw new ModelFileException(file.Path, $"{prefix}image_size is {size}: with patches of {patch} that makes too many of them.");
        float epsilon = file.Metadata.RequireSingle(prefix + "attention.layer_norm_epsilon");
        if (!(epsilon is >= 0 and < 1))
            throw new ModelFileException(file.Path, $"{prefix}attention.layer_norm_epsilon is {epsilon}, not a small number.");
        float[] padding = Colour(file, prefix + "pad_mean", 0, 1),
            mean = Colour(file, prefix + "image_mean", 0, 1),
            deviation = Colour(file, prefix + "image_std", 0.001f, 10);
        return type == "convnext"
            ? new ConvNextTowerConfig(ConvNext(file, index, size, patch, epsilon), index, size, patch, side, padding, mean, deviation)
            : new TransformerTowerConfig(
                Transformer(file, index, type, size, patch, epsilon, mean, deviation),
                index,
                size,
                patch,
                side,
                padding,
                mean,
                deviation
            );
    }

    /// <summary>The failure of a key of this tower.</summary>
    public ModelFileException Wrong(GgufFile file, string key, string value) => new(file.Path, $"{PrefixOf(Index)}{key} is {value}.");

    private static VisionTransformerConfig Transformer(
        GgufFile file,
        int index,
        string type,
        int size,
        int patch,
        float epsilon,
        float[] mean,
        float[] deviation
    )
    {
        string prefix = PrefixOf(index);
        if (type is not ("clip" or "siglip" or "dinov2"))
            throw new ModelFileException(file.Path, $"{prefix}type is '{type}', which is no tower of a Cambrian that is known.");
        int width = Count(file, prefix + "embedding_length", MaxWidth),
            heads = Count(file, prefix + "attention.head_count", MaxWidth);
        if (width % heads != 0)
            throw new ModelFileException(
                file.Path,
                $"{prefix}embedding_length is {width}, no multiple of {prefix}attention.head_count, {heads}."
            );
        string tensors = $"v.{index}.";
        return new VisionTransformerConfig
        {
            Prefix = tensors,
            ImageSize = size,
            PatchSize = patch,
            HiddenSize = width,
            FeedForwardSize = Count(file, prefix + "feed_forward_length", MaxWidth),
            HeadCount = heads,
            BlockCount = Count(file, prefix + "block_count", MaxBlocks),
            NormEpsilon = epsilon,
            Activation = ActivationOf(file, prefix + "activation"),
            HasClassToken = file.TryGetTensor(tensors + "class_embd", out _),
            HasPreNorm = file.TryGetTensor(tensors + "pre_ln.weight", out _),
            HasLayerScale = file.TryGetTensor(tensors + "blk.0.ls1.weight", out _),
            IsGated = file.TryGetTensor(tensors + "blk.0.ffn_gate.weight", out _),
            ImageMean = mean,
            ImageDeviation = deviation,
        };
    }

    private static ConvNextConfig ConvNext(GgufFile file, int index, int size, int patch, float epsilon)
    {
        const int StageCount = 4;
        string prefix = PrefixOf(index);
        int[] widths = file.Metadata.RequireInt32Array(prefix + "embedding_length"),
            blocks = file.Metadata.RequireInt32Array(prefix + "block_count");
        bool fits =
            widths.Length == StageCount
            && blocks.Length == StageCount
            && widths.All(static width => width is > 0 and <= MaxWidth)
            && blocks.All(static count => count is > 0 and <= MaxBlocks);
        if (!fits)
            throw new ModelFileException(file.Path, $"{prefix}embedding_length and {prefix}block_count are not those of four stages.");
        if (size % (patch << (StageCount - 1)) != 0)
            throw new ModelFileException(file.Path, $"{prefix}image_size is {size}, which cannot be halved from stage to stage.");
        return new ConvNextConfig($"v.{index}.", patch, widths, blocks, epsilon);
    }

    private static Activation ActivationOf(GgufFile file, string key) =>
        file.Metadata.RequireString(key) switch
        {
            "quick_gelu" => Activation.QuickGelu,
            "gelu" => Activation.GeluErf,
            "gelu_tanh" => Activation.GeluTanh,
            "silu" => Activation.Silu,
            string other => throw new ModelFileException(file.Path, $"{key} is '{other}', which is not known."),
        };

    private static string PrefixOf(int index) => string.Create(CultureInfo.InvariantCulture, $"clip.vision.{index}.");

    private static int Count(GgufFile file, string key, int most)
    {
        uint value = file.Metadata.RequireUInt32(key);
        return value > 0 && value <= (uint)most
            ? (int)value
            : throw new ModelFileException(file.Path, $"{key} is {value}, not within 1 to {most}.");
    }

    private static float[] Colour(GgufFile file, string key, float least, float most)
    {
        float[] values = file.Metadata.RequireSingleArray(key);
        return values.Length == 3 && values.All(value => value >= least && value <= most)
            ? values
            : throw new ModelFileException(file.Path, $"{key} must hold three numbers that can be.");
    }
}

/// <summary>CLIP, SigLIP or DINOv2.</summary>
internal sealed record TransformerTowerConfig(
    VisionTransformerConfig Transformer,
    int Index,
    int ImageSize,
    int PatchSize,
    int TokenSide,
    IReadOnlyList<float> Padding,
    IReadOnlyList<float> Mean,
    IReadOnlyList<float> Deviation
) : CambrianTowerConfig(Index, ImageSize, PatchSize, TokenSide, Padding, Mean, Deviation)
{
    public override int Width => Transformer.HiddenSize;
}

/// <summary>ConvNeXt, whose features are those of all stages one behind another.</summary>
internal sealed record ConvNextTowerConfig(
    ConvNextConfig Net,
    int Index,
    int ImageSize,
    int PatchSize,
    int TokenSide,
    IReadOnlyList<float> Padding,
    IReadOnlyList<float> Mean,
    IReadOnlyList<float> Deviation
) : CambrianTowerConfig(Index, ImageSize, PatchSize, TokenSide, Padding, Mean, Deviation)
{
    public override int Width => Net.Widths.Sum();
}
