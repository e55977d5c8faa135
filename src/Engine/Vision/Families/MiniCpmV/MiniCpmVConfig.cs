using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>Releases of MiniCPM-V that differ in their rules.</summary>
internal enum MiniCpmVRelease
{
    /// <summary>MiniCPM-V 2.0: timm's SigLIP with its table of positions resized, positions on queries too.</summary>
    V20,

    /// <summary>MiniCPM-Llama3-V 2.5: positions counted along the slice's patches as one row.</summary>
    V25,

    /// <summary>MiniCPM-V 2.6, 4.0 and 4.5, MiniCPM-o 2.6 and 4.5: positions by row and column, numbered pictures.</summary>
    V26,
}

/// <summary>
/// MiniCPM-V 2.0 to 4.5: a SigLIP tower that sees slices in their own size, and a perceiver resampler. Source: OpenBMB/MiniCPM-V; the
/// remote code of openbmb/MiniCPM-V-2, MiniCPM-Llama3-V-2_5, MiniCPM-V-2_6, MiniCPM-V-4, MiniCPM-V-4_5 on the hub (modeling_minicpmv.py,
/// image_processing_minicpmv.py, resampler.py). Files as ggml-org/llama.cpp v0.5.0 converts them
/// (tools/mtmd/legacy-models/minicpmv-convert-image-encoder-to-gguf.py).
/// </summary>
internal sealed record MiniCpmVConfig
{
    private const string VersionKey = "clip.minicpmv_version";
    private const string QueryCountKey = "clip.minicpmv_query_num";
    private const string DividedKey = "clip.minicpmv_proj_divided";
    private const int DefaultMaxTiles = 9;

    public required VisionTransformerConfig Tower { get; init; }

    public required PerceiverResamplerConfig Resampler { get; init; }

    public required MiniCpmVRelease Release { get; init; }

    /// <summary>Side of the square table of positions.</summary>
    public required int PositionSide { get; init; }

    public required int MaxTiles { get; init; }

    /// <summary>What rows are multiplied with before they enter the language model.</summary>
    public required float RowScale { get; init; }

    public required FamilyPrompt Wording { get; init; }

    /// <summary>Name of the release, by what the file says.</summary>
    public static string NameOf(GgufFile file) =>
        (ReleaseOf(file), Version(file)) switch
        {
            (MiniCpmVRelease.V20, _) => "MiniCPM-V 2.0",
            (MiniCpmVRelease.V25, _) => "MiniCPM-Llama3-V 2.5",
            (_, 4) => "MiniCPM-o 2.6",
            (_, 5) => "MiniCPM-V 4.0",
            (_, 6) => "MiniCPM-V 4.5",
            (_, 100045) => "MiniCPM-o 4.5",
            _ => "MiniCPM-V 2.6",
        };

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static MiniCpmVConfig Read(GgufFile file)
    {
        MiniCpmVRelease release = ReleaseOf(file);
        (VisionTransformerConfig tower, int side) = MiniCpmVPositions.ReadTower(file);
        // timm's Vision Transformer takes nn.GELU, the erf form, by default; SigLIP as transformers has it takes the tanh form.
        if (release == MiniCpmVRelease.V20)
            tower = tower with { Activation = Activation.GeluErf };
        return new MiniCpmVConfig
        {
            Tower = tower,
            Resampler = ReadResampler(file, tower.HiddenSize, release),
            Release = release,
            PositionSide = side,
            MaxTiles = SlicedImages.ReadMaxTiles(file, DefaultMaxTiles),
            RowScale = ReadRowScale(file, release),
            Wording = WordingOf(release, Version(file)),
        };
    }

    private static uint Version(GgufFile file) => file.Metadata.TryGetUInt32(VersionKey, out uint version) ? version : 0;

    // Versions as in ggml-org/llama.cpp v0.5.0, tools/mtmd/clip.cpp. Files from before the key tell by their tensors: only 2.0 stores the
    // queries' positions, and only 2.5 has 96 queries.
    private static MiniCpmVRelease ReleaseOf(GgufFile file)
    {
        const long QueriesOf25 = 96;
        bool hasQueryPositions = file.TryGetTensor("resampler.pos_embed", out _);
        bool has96 = file.TryGetTensor("resampler.query", out GgufTensor? query) && query.Shape.Length > 1 && query.Shape[1] == QueriesOf25;
        return Version(file) switch
        {
            0 => hasQueryPositions ? MiniCpmVRelease.V20
            : has96 ? MiniCpmVRelease.V25
            : MiniCpmVRelease.V26,
            1 => MiniCpmVRelease.V20,
            2 => MiniCpmVRelease.V25,
            3 or 4 or 5 or 6 or 100045 => MiniCpmVRelease.V26,
            uint other => throw new ModelFileException(
                file.Path,
                $"{VersionKey} is {other}, which is not supported; known are 1 to 6 and 100045."
            ),
        };
    }

    private static PerceiverResamplerConfig ReadResampler(GgufFile file, int towerWidth, MiniCpmVRelease release)
    {
        var resampler = PerceiverResamplerConfig.Read(file, towerWidth, release == MiniCpmVRelease.V20);
        bool contradicts = file.Metadata.TryGetUInt32(QueryCountKey, out uint count) && count != 0 && count != resampler.QueryCount;
        return contradicts
            ? throw new ModelFileException(
                file.Path,
                $"{QueryCountKey} is {count}, but tensor 'resampler.query' holds {resampler.QueryCount} queries."
            )
            : resampler;
    }

    // MiniCPM-2B multiplies text embeddings by 12 (scale_emb) and leaves images alone; libllama multiplies all, so converters divide
    // 2.0's projection by 12 (ggml-org/llama.cpp v0.5.0, tools/mtmd/legacy-models/minicpmv-surgery.py). A file may say that it was not.
    private static float ReadRowScale(GgufFile file, MiniCpmVRelease release)
    {
        const float EmbeddingScale = 12;
        bool undivided = file.Metadata.TryGetBoolean(DividedKey, out bool divided) && !divided;
        return release == MiniCpmVRelease.V20 && undivided ? 1 / EmbeddingScale : 1;
    }

    private static FamilyPrompt WordingOf(MiniCpmVRelease release, uint version) =>
        release switch
        {
            MiniCpmVRelease.V20 => MiniCpmVPrompt.Cpm2,
            MiniCpmVRelease.V25 => MiniCpmVPrompt.Llama3,
            _ => version is 6 or 100045 ? MiniCpmVPrompt.Qwen3
            : version == 5 ? MiniCpmVPrompt.Cpm4
            : MiniCpmVPrompt.Qwen2,
        };
}
