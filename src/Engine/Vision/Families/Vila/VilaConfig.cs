using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Vila;

/// <summary>How VILA brings a picture to the tower's size.</summary>
internal enum ImageRule
{
    /// <summary>Stretched; with several scales at each of them.</summary>
    Resize,

    /// <summary>Tiles in the picture's ratio, and the whole picture.</summary>
    Dynamic,

    /// <summary>Several scales, all but the last square, the last in the picture's ratio.</summary>
    DynamicScales,
}

/// <summary>
/// VILA 1.5 and NVILA: a SigLIP tower or InternViT-6B, squares of patches made one token, a norm and linear layers. Source: NVlabs/VILA,
/// branch vila1.5 and branch main, llava/model; arXiv 2312.07533, 2412.04468.
/// </summary>
internal sealed record VilaConfig
{
    private const int MaxScaleCount = 8;
    private const long MaxScaledPixels = 1L << 26;

    public required VisionTransformerConfig Tower { get; init; }

    public required PixelShuffle Shuffle { get; init; }

    public required ImageRule Rule { get; init; }

    /// <summary>The grids of <see cref="ImageRule.Dynamic"/>, and of the last scale of <see cref="ImageRule.DynamicScales"/>.</summary>
    public required TileRule Tiles { get; init; }

    /// <summary>Each scale's tiles along a side, the first being 1; empty where there is one scale only.</summary>
    public required IReadOnlyList<int> Scales { get; init; }

    public required DownsampleConnectorConfig Connector { get; init; }

    /// <summary>Whether it is NVILA, after each of whose pictures a text's newline stands.</summary>
    public bool IsNvila => Shuffle.Order == TokenOrder.Row;

    /// <summary>Tokens that the connector makes of a tile.</summary>
    public int TileTokens => Shuffle.TokensPerSide(Tower.PatchesPerSide) * Shuffle.TokensPerSide(Tower.PatchesPerSide);

    /// <summary>The grids of a picture's slices, one for each scale, the coarsest first.</summary>
    public IReadOnlyList<TileGrid> GridsOf(SlicePlan plan) =>
        [
            .. Scales.SkipLast(1).Select(static scale => new TileGrid(scale, scale)),
            Rule == ImageRule.Resize ? new TileGrid(Scales[^1], Scales[^1]) : new TileGrid(plan.Columns, plan.Rows),
        ];

    public static string NameOf(GgufFile file) => ReadOrder(file) == TokenOrder.Row ? "NVILA" : "VILA 1.5";

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static VilaConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = file.TryGetTensor("v.class_embd", out _)
            ? InternVit.Read(file)
            : VisionTransformerConfig.Read(file);
        var shuffle = new PixelShuffle(ReadFactor(file, tower.PatchesPerSide), ReadOrder(file));
        ImageRule rule = ReadRule(file);
        int[] scales = ReadScales(file, tower.ImageSize);
        if (scales.Length == 0 && rule == ImageRule.DynamicScales)
            throw new ModelFileException(file.Path, "clip.vision.s2_scales is missing, which 'dynamic_s2' needs.");
        if (scales.Length > 0 && rule == ImageRule.Dynamic)
            throw new ModelFileException(file.Path, "clip.vision.s2_scales is there, which 'dynamic' has no use for.");
        TileRule tiles = TileRule.Read(file, tower.ImageSize);
        if (rule == ImageRule.DynamicScales)
            tiles = tiles with { MinTiles = LeastTiles(file, scales[^1], tiles.MaxTiles) };
        int inputs = tower.HiddenSize * Math.Max(1, scales.Length) * shuffle.Factor * shuffle.Factor;
        return new VilaConfig
        {
            Tower = tower,
            Shuffle = shuffle,
            Rule = rule,
            Tiles = tiles,
            Scales = scales,
            Connector = DownsampleConnectorConfig.Read(file, inputs),
        };
    }

    private static int ReadFactor(GgufFile file, int patchesPerSide)
    {
        const string Key = "clip.vision.projector.scale_factor";
        uint factor = file.Metadata.ContainsKey(Key) ? file.Metadata.RequireUInt32(Key) : 2;
        if (factor is < 2 or > 3)
            throw new ModelFileException(file.Path, $"{Key} is {factor}; 2 and 3 are supported.");
        bool fillsUp = !file.Metadata.TryGetBoolean("clip.vision.projector.pad_zero", out bool pads) || pads;
        if (!fillsUp && patchesPerSide % factor != 0)
            throw new ModelFileException(
                file.Path,
                $"{Key} is {factor}, which does not divide the {patchesPerSide} patches along a tile's side, "
                    + "and clip.vision.projector.pad_zero is false."
            );
        return (int)factor;
    }

    private static TokenOrder ReadOrder(GgufFile file)
    {
        const string Key = "clip.vision.projector.token_order";
        string order = file.Metadata.TryGetString(Key, out string? given) ? given : "col";
        return order switch
        {
            "col" or "column" => TokenOrder.Column,
            "row" => TokenOrder.Row,
            _ => throw new ModelFileException(file.Path, $"{Key} is '{order}', which is not supported; known are col and row."),
        };
    }

    private static ImageRule ReadRule(GgufFile file)
    {
        const string Key = "clip.vision.image_aspect_ratio";
        string rule = file.Metadata.TryGetString(Key, out string? given) ? given : "resize";
        return rule switch
        {
            "resize" => ImageRule.Resize,
            "dynamic" => ImageRule.Dynamic,
            "dynamic_s2" => ImageRule.DynamicScales,
            _ => throw new ModelFileException(
                file.Path,
                $"{Key} is '{rule}', which is not supported; known are resize, dynamic and dynamic_s2."
            ),
        };
    }

    // The sides in pixels, ascending, as multiples of the tower's.
    private static int[] ReadScales(GgufFile file, int imageSize)
    {
        const string Key = "clip.vision.s2_scales";
        if (!file.Metadata.ContainsKey(Key))
            return [];
        int[] sides = file.Metadata.RequireInt32Array(Key);
        bool fits = sides.Length is > 1 and <= MaxScaleCount && sides[0] == imageSize && sides.All(side => side % imageSize == 0);
        if (!fits || !sides.SequenceEqual(sides.Distinct().Order()))
            throw new ModelFileException(
                file.Path,
                $"{Key} must hold 2 to {MaxScaleCount} ascending multiples of clip.vision.image_size, {imageSize}, and begin with it."
            );
        return (long)sides[^1] * sides[^1] <= MaxScaledPixels
            ? Array.ConvertAll(sides, side => side / imageSize)
            : throw new ModelFileException(
                file.Path,
                $"{Key} ends with {sides[^1]}, and such a picture has more than {MaxScaledPixels / 1_000_000} million pixels."
            );
    }

    // The last scale has at least as many tiles as its square (llava/mm_utils.py, dynamic_s2_preprocess).
    private static int LeastTiles(GgufFile file, int lastScale, int maxTiles)
    {
        int least = lastScale * lastScale;
        return least <= maxTiles
            ? least
            : throw new ModelFileException(
                file.Path,
                $"clip.vision.preproc_max_tiles is {maxTiles}, less than the {least} tiles of the last of clip.vision.s2_scales."
            );
    }
}
