using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>The dimensions of a vision tower, read from a "clip" GGUF file.</summary>
internal sealed record VisionTransformerConfig
{
    private const int MaxImageSize = 8192;
    private const int MaxBlockCount = 512;

    // The largest released towers of one size have 4900.
    private const int MaxPatchCount = 1 << 16;
    private const int MaxWidth = 1 << 16;
    private const float MinDeviation = 0.001f;
    private const float MaxDeviation = 10;

    /// <summary>What its tensors' names begin with, where a file holds several towers.</summary>
    public string Prefix { get; init; } = "v.";

    /// <summary>Side of the square input in pixels.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a square patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Width of a token.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width inside the feed-forward networks.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Attention heads.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Blocks to run, counted from the first.</summary>
    public required int BlockCount { get; init; }

    public required float NormEpsilon { get; init; }

    public required Activation Activation { get; init; }

    public required bool HasClassToken { get; init; }

    public required bool HasPreNorm { get; init; }

    /// <summary>Whether the class token is among the tower's features, before the patches' (EVA).</summary>
    public bool KeepsClassToken { get; init; }

    /// <summary>Whether what a block's two halves give is scaled, channel by channel, before it is added (InternViT).</summary>
    public bool HasLayerScale { get; init; }

    /// <summary>Whether queries and keys are normalised over their whole width, before they are split into heads (InternViT-6B).</summary>
    public bool HasQueryKeyNorm { get; init; }

    /// <summary>Whether the blocks' norms take the root mean square instead of mean and variance (InternViT-6B).</summary>
    public bool UsesRmsNorm { get; init; }

    /// <summary>Whether the norms stand behind attention and feed-forward, before the sum, instead of in front of them
    /// (EVA2-CLIP-E).</summary>
    public bool NormsFollow { get; init; }

    /// <summary>Whether the feed-forward networks are silu(gate) * up (DINOv2 giant).</summary>
    public bool IsGated { get; init; }

    public required IReadOnlyList<float> ImageMean { get; init; }

    public required IReadOnlyList<float> ImageDeviation { get; init; }

    public int PatchesPerSide => ImageSize / PatchSize;

    public int PatchCount => PatchesPerSide * PatchesPerSide;

    /// <summary>Learned positions that the file holds; one for each token, the class token included, unless the family says
    /// otherwise.</summary>
    public int PositionCount
    {
        get => field > 0 ? field : PatchCount + (HasClassToken ? 1 : 0);
        init;
    }

    public int HeadSize => HiddenSize / HeadCount;

    /// <summary>Reads and checks the dimensions.</summary>
    /// <exception cref="ModelFileException">A key is missing, or its value cannot be.</exception>
    public static VisionTransformerConfig Read(GgufFile file)
    {
        bool hasClassToken = file.TryGetTensor("v.class_embd", out _);
        bool hasPreNorm = file.TryGetTensor("v.pre_ln.weight", out _);
        var config = new VisionTransformerConfig
        {
            ImageSize = Size(file, "clip.vision.image_size", MaxImageSize),
            PatchSize = Size(file, "clip.vision.patch_size", MaxImageSize),
            HiddenSize = Size(file, "clip.vision.embedding_length", MaxWidth),
            FeedForwardSize = Size(file, "clip.vision.feed_forward_length", MaxWidth),
            HeadCount = Size(file, "clip.vision.attention.head_count", MaxWidth),
            BlockCount = FeatureLayer(file, StoredBlockCount(file)),
            NormEpsilon = file.Metadata.RequireSingle("clip.vision.attention.layer_norm_epsilon"),
            Activation = ReadActivation(file, hasClassToken || hasPreNorm),
            HasClassToken = hasClassToken,
            HasPreNorm = hasPreNorm,
            HasLayerScale = file.TryGetTensor("v.blk.0.ls1.weight", out _),
            HasQueryKeyNorm = file.TryGetTensor("v.blk.0.attn_q_norm.weight", out _),
            ImageMean = Colour(file, "clip.vision.image_mean"),
            ImageDeviation = Colour(file, "clip.vision.image_std"),
        };
        config.Check(file);
        return config;
    }

    private void Check(GgufFile file)
    {
        // Attention takes the square of them: a file that claims more would keep a processor busy for hours.
        if (PatchCount > MaxPatchCount)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.image_size is {ImageSize}: with patches of {PatchSize} that makes {PatchCount} patches, more than "
                    + $"{MaxPatchCount}."
            );
        if (ImageSize < PatchSize)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.image_size is {ImageSize}, less than clip.vision.patch_size, {PatchSize}."
            );
        if (HiddenSize % HeadCount != 0)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.embedding_length is {HiddenSize}, no multiple of clip.vision.attention.head_count, {HeadCount}."
            );
        if (!(NormEpsilon is >= 0 and < 1))
            throw new ModelFileException(file.Path, $"clip.vision.attention.layer_norm_epsilon is {NormEpsilon}, not a small number.");
        if (ImageMean.Any(static value => !(value is >= 0 and <= 1)))
            throw new ModelFileException(file.Path, "clip.vision.image_mean holds a value that is not within 0 to 1.");
        if (ImageDeviation.Any(static value => !(value is >= MinDeviation and <= MaxDeviation)))
            throw new ModelFileException(
                file.Path,
                FormattableString.Invariant($"clip.vision.image_std holds a value that is not within {MinDeviation} to {MaxDeviation}.")
            );
    }

    private static int Size(GgufFile file, string key, int limit)
    {
        uint value = file.Metadata.RequireUInt32(key);
        return value > 0 && value <= limit
            ? (int)value
            : throw new ModelFileException(file.Path, $"{key} is {value}, not within 1 to {limit}.");
    }

    private static float[] Colour(GgufFile file, string key)
    {
        float[] values = file.Metadata.RequireSingleArray(key);
        return values.Length == 3 ? values : throw new ModelFileException(file.Path, $"{key} must hold three numbers.");
    }

    // clip.vision.block_count may count blocks that were left out of the file; the tensors are the truth.
    private static int StoredBlockCount(GgufFile file)
    {
        int count = 0;
        while (count < MaxBlockCount && file.TryGetTensor($"v.blk.{count}.ln1.weight", out _))
            count++;
        return count > 0
            ? count
            : throw new ModelFileException(file.Path, "it holds no vision tower: tensor 'v.blk.0.ln1.weight' is missing.");
    }

    // clip.vision.feature_layer indexes the hidden states: 0 is the input of the first block, k the output of block k
    // (ggml-org/llama.cpp v0.5.0: tools/mtmd/clip.cpp). Legacy files have no such key and dropped the blocks they do not need
    // (tools/mtmd/legacy-models/convert_image_encoder_to_gguf.py), so that all stored blocks are run.
    private static int FeatureLayer(GgufFile file, int storedBlockCount)
    {
        const string Key = "clip.vision.feature_layer";
        if (!file.Metadata.ContainsKey(Key))
            return storedBlockCount;
        int[] layers = file.Metadata.RequireInt32Array(Key);
        if (layers.Length != 1)
            throw new ModelFileException(file.Path, $"{Key} names {layers.Length} layers; one is supported.");
        int total = file.Metadata.TryGetUInt32("clip.vision.block_count", out uint blockCount)
            ? (int)Math.Min(blockCount, MaxBlockCount)
            : storedBlockCount;
        int layer = layers[0] < 0 ? total + 1 + layers[0] : layers[0];
        return layer > 0 && layer <= storedBlockCount
            ? layer
            : throw new ModelFileException(file.Path, $"{Key} is {layers[0]}, but the file holds {storedBlockCount} blocks.");
    }

    // clip.use_gelu stands for the reference's "gelu", which is the erf form; SigLIP towers carry no flag and use the tanh form
    // (huggingface/transformers v5.12: activations.py; google/siglip configurations say gelu_pytorch_tanh).
    private static Activation ReadActivation(GgufFile file, bool isClip)
    {
        if (file.Metadata.TryGetBoolean("clip.use_silu", out bool silu) && silu)
            return Activation.Silu;
        if (file.Metadata.TryGetBoolean("clip.use_gelu", out bool gelu) && gelu)
            return isClip ? Activation.GeluErf : Activation.GeluTanh;
        return isClip ? Activation.QuickGelu : Activation.GeluTanh;
    }
}
