using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl;

/// <summary>The order in which pixel shuffle gives a slice's tokens.</summary>
internal enum TokenOrder
{
    /// <summary>Row by row: ps_version v2, which every release since InternVL 1.5 has.</summary>
    Row,

    /// <summary>Column by column: ps_version v1, InternVL-Chat 1.1 and 1.2.</summary>
    Column,
}

/// <summary>
/// InternVL 1.5, 2, 2.5 and 3: InternViT-300M or -6B, pixel shuffle, and two linear layers behind a layer norm. Source:
/// OpenGVLab/InternVL, internvl_chat/internvl/model/internvl_chat/modeling_internvl_chat.py; arXiv 2404.16821, 2412.05271, 2504.10479.
/// </summary>
internal sealed record InternVlConfig
{
    private const int MaxTileCount = 1024;

    // The stretched picture of the largest grid: 334 tiles of 448 pixels. Releases go to 40 tiles.
    private const long MaxStretchedPixels = 1L << 26;

    // The released configurations' min_dynamic_patch, max_dynamic_patch and downsample_ratio (OpenGVLab/InternVL, internvl_chat/shell).
    private const int ReleasedMinTiles = 1;
    private const int ReleasedMaxTiles = 12;
    private const int ReleasedShuffle = 2;

    // ggml-org/llama.cpp v0.5.0: tools/mtmd/clip-impl.h, TN_MVLM_PROJ_MLP; the second as other families' connectors are named.
    private static readonly string[] ConnectorPrefixes = ["mm.model.mlp", "mm"];

    public required VisionTransformerConfig Tower { get; init; }

    /// <summary>Tiles of the smallest grid.</summary>
    public required int MinTiles { get; init; }

    /// <summary>Tiles of the largest grid, the thumbnail not counted.</summary>
    public required int MaxTiles { get; init; }

    /// <summary>Patches along each side that become one token.</summary>
    public required int Shuffle { get; init; }

    public required TokenOrder TokenOrder { get; init; }

    /// <summary>What the connector's tensors' names begin with.</summary>
    public required string ConnectorPrefix { get; init; }

    /// <summary>Width between the connector's two layers.</summary>
    public required int Inner { get; init; }

    /// <summary>Width of an embedding.</summary>
    public required int Outputs { get; init; }

    /// <summary>Tokens along a side of a tile.</summary>
    public int TokensPerSide => Tower.PatchesPerSide / Shuffle;

    /// <summary>Tokens of a tile.</summary>
    public int TileTokens => TokensPerSide * TokensPerSide;

    /// <summary>Width of the features that one token is made of.</summary>
    public int Inputs => Tower.HiddenSize * Shuffle * Shuffle;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static InternVlConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = ReadTower(file);
        int shuffle = Number(file, "clip.vision.projector.scale_factor", ReleasedShuffle, 16);
        if (tower.PatchesPerSide % shuffle != 0)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.projector.scale_factor is {shuffle}, which does not divide the {tower.PatchesPerSide} patches along a "
                    + "tile's side."
            );
        int minTiles = Number(file, "clip.vision.preproc_min_tiles", ReleasedMinTiles, MaxTileCount);
        int maxTiles = Number(file, "clip.vision.preproc_max_tiles", Math.Max(ReleasedMaxTiles, minTiles), MaxTileCount);
        if (maxTiles < minTiles)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.preproc_max_tiles is {maxTiles}, less than clip.vision.preproc_min_tiles, {minTiles}."
            );
        if ((long)maxTiles * tower.ImageSize * tower.ImageSize > MaxStretchedPixels)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.preproc_max_tiles is {maxTiles}, and so many tiles of {tower.ImageSize} x {tower.ImageSize} pixels "
                    + $"(clip.vision.image_size) are more than {MaxStretchedPixels / 1_000_000} million."
            );
        string prefix = ConnectorPrefixes.FirstOrDefault(name => file.TryGetTensor($"{name}.1.weight", out _)) ?? ConnectorPrefixes[0];
        int inner = MlpConnectorConfig.OutputCount(file, $"{prefix}.1.weight", tower.HiddenSize * shuffle * shuffle);
        return new InternVlConfig
        {
            Tower = tower,
            MinTiles = minTiles,
            MaxTiles = maxTiles,
            Shuffle = shuffle,
            TokenOrder = ReadTokenOrder(file),
            ConnectorPrefix = prefix,
            Inner = inner,
            Outputs = MlpConnectorConfig.OutputCount(file, $"{prefix}.3.weight", inner),
        };
    }

    // InternViT-6B's norms are RMS and so have no bias; InternViT-300M's are layer norms with one. No key tells.
    private static VisionTransformerConfig ReadTower(GgufFile file)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file);
        if (!tower.HasClassToken)
            throw new ModelFileException(file.Path, "tensor 'v.class_embd' is missing, which InternViT needs.");
        if (!tower.HasLayerScale)
            throw new ModelFileException(file.Path, "tensor 'v.blk.0.ls1.weight' is missing, which InternViT needs.");
        bool hasBias = file.TryGetTensor("v.blk.0.ln1.bias", out _);
        if (!hasBias && file.TryGetTensor("v.blk.0.ln2.bias", out _))
            throw new ModelFileException(file.Path, "tensor 'v.blk.0.ln1.bias' is missing, though 'v.blk.0.ln2.bias' is there.");
        return tower with { UsesRmsNorm = !hasBias };
    }

    private static int Number(GgufFile file, string key, int released, int limit)
    {
        if (!file.Metadata.ContainsKey(key))
            return released;
        uint value = file.Metadata.RequireUInt32(key);
        return value > 0 && value <= limit
            ? (int)value
            : throw new ModelFileException(file.Path, $"{key} is {value}, not within 1 to {limit}.");
    }

    private static TokenOrder ReadTokenOrder(GgufFile file)
    {
        const string Key = "clip.vision.projector.token_order";
        if (!file.Metadata.TryGetString(Key, out string? order))
            return TokenOrder.Row;
        return order switch
        {
            "row" => TokenOrder.Row,
            "column" => TokenOrder.Column,
            _ => throw new ModelFileException(file.Path, $"{Key} is '{order}', which is not supported; known are row and column."),
        };
    }
}
