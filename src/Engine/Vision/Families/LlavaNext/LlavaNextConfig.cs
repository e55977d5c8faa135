using System.Globalization;
using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.LlavaNext;

/// <summary>How the features of tiles are put together.</summary>
internal enum PatchMerge
{
    /// <summary>Tile after tile.</summary>
    Flat,

    /// <summary>As one map, row by row.</summary>
    Spatial,

    /// <summary>As one map without its padding, a newline embedding after each row.</summary>
    SpatialUnpad,
}

/// <summary>Which cells of the map count as padding.</summary>
internal enum UnpadRule
{
    /// <summary>The integer formula of LLaVA-NeXT, which also drops cells that are partly picture.</summary>
    Floor,

    /// <summary>Only cells that show padding and nothing else, as LLaVA-1.5-HD's paper says.</summary>
    Exclusive,
}

/// <summary>
/// The LLaVA models that cut pictures into tiles: LLaVA-1.5-HD (arXiv 2310.03744, section 4.1 and appendix A), LLaVA-NeXT
/// (haotian-liu/LLaVA), LLaVA-NeXT-Video and LLaVA-OneVision (LLaVA-VL/LLaVA-NeXT). They differ in the tower, the canvases and a few
/// rules, which the file tells.
/// </summary>
internal sealed record LlavaNextConfig
{
    private const int MaxTileCount = 144;

    // ggml-org/llama.cpp v0.5.0 (gguf-py/gguf/constants.py), and its legacy converters.
    private static readonly string[] NewlineTensors = ["v.image_newline", "model.image_newline"];

    public required VisionTransformerConfig Tower { get; init; }

    public required MlpConnectorConfig Connector { get; init; }

    /// <summary>The canvases that a picture may be fitted into, in the file's order, which breaks ties.</summary>
    public required IReadOnlyList<PixelSize> Canvases { get; init; }

    public required PatchMerge Merge { get; init; }

    public required UnpadRule Unpad { get; init; }

    /// <summary>The map is made smaller until it has about this many tiles' cells; null for no such limit.</summary>
    public required int? MaxMapTiles { get; init; }

    /// <summary>Whether the overview's rows end with newline embeddings too.</summary>
    public required bool NewlineOnOverview { get; init; }

    /// <summary>Name of the newline embedding's tensor, where the merge needs one.</summary>
    public required string? NewlineTensor { get; init; }

    /// <summary>How the frames of a video are pooled.</summary>
    public required FramePooling Video { get; init; }

    /// <summary>Whether several pictures in one prompt are padded to squares and not cut (LLaVA-VL/LLaVA-NeXT,
    /// llava/train/train.py).</summary>
    public bool PadsSeveralImages => MaxMapTiles is not null;

    /// <summary>Whether a file is of this kind: it names canvases.</summary>
    public static bool Recognises(GgufFile file) =>
        file.Metadata.ContainsKey("clip.vision.image_grid_pinpoints")
        || AspectRatio(file) == "hd"
        || AspectRatio(file).StartsWith("anyres", StringComparison.Ordinal);

    /// <summary>Name of the family, by what the file says.</summary>
    public static string NameOf(GgufFile file) =>
        AspectRatio(file) == "hd" ? "LLaVA-1.5-HD"
        : IsOneVision(file) ? "LLaVA-OneVision"
        : FramePooling.IsTold(file) ? "LLaVA-NeXT-Video"
        : "LLaVA-NeXT";

    private static bool IsOneVision(GgufFile file) => MapTiles(file) is not null && !file.TryGetTensor("v.class_embd", out _);

    /// <summary>A picture's place on a canvas: where padding is told from picture by the pixel, no rounding error may add one.</summary>
    public CanvasFit Fit(PixelSize image, PixelSize canvas) =>
        Unpad == UnpadRule.Exclusive ? AnyResolution.FitExactly(image, canvas) : AnyResolution.Fit(image, canvas);

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static LlavaNextConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file);
        string? newline = NewlineTensors.FirstOrDefault(name => file.TryGetTensor(name, out _));
        PatchMerge merge = ReadMerge(file, newline);
        if (merge == PatchMerge.SpatialUnpad && newline is null)
            throw new ModelFileException(
                file.Path,
                "tensor 'model.image_newline' is missing, which clip.vision.mm_patch_merge_type 'spatial_unpad' needs."
            );
        return new LlavaNextConfig
        {
            Tower = tower,
            Connector = MlpConnectorConfig.Read(file, tower.HiddenSize),
            Canvases = ReadCanvases(file, tower.ImageSize),
            Merge = merge,
            Unpad = ReadUnpadRule(file),
            MaxMapTiles = MapTiles(file),
            NewlineOnOverview = file.Metadata.TryGetBoolean("clip.vision.mm_newline_on_base", out bool onOverview) && onOverview,
            NewlineTensor = merge == PatchMerge.SpatialUnpad ? newline : null,
            Video = FramePooling.Read(file, tower.PatchesPerSide, IsOneVision(file), merge == PatchMerge.SpatialUnpad),
        };
    }

    private static string AspectRatio(GgufFile file) =>
        file.Metadata.TryGetString("clip.vision.image_aspect_ratio", out string? ratio) ? ratio : "";

    private static IReadOnlyList<PixelSize> ReadCanvases(GgufFile file, int tileSize)
    {
        const string Key = "clip.vision.image_grid_pinpoints";
        if (AspectRatio(file) == "hd" && !file.Metadata.ContainsKey(Key))
            return HdCanvases(tileSize);
        int[] numbers = file.Metadata.RequireInt32Array(Key);
        if (numbers.Length is 0 or > 2 * MaxTileCount || numbers.Length % 2 != 0)
            throw new ModelFileException(file.Path, $"{Key} must hold pairs of width and height.");
        var canvases = new List<PixelSize>();
        for (int index = 0; index < numbers.Length; index += 2)
        {
            (int width, int height) = (numbers[index], numbers[index + 1]);
            bool fits =
                width > 0
                && height > 0
                && width % tileSize == 0
                && height % tileSize == 0
                && (long)(width / tileSize) * (height / tileSize) <= MaxTileCount;
            if (!fits)
                throw new ModelFileException(
                    file.Path,
                    $"{Key} holds {width} x {height}, which is no grid of up to {MaxTileCount} tiles of clip.vision.image_size {tileSize}."
                );
            canvases.Add(new PixelSize(width, height));
        }

        return canvases;
    }

    // Up to six tiles: arXiv 2310.03744, appendix A: 1x1 to 1x6, 2x2, 2x3 and their transposes.
    private static PixelSize[] HdCanvases(int tileSize) =>
        [
            .. from columns in Enumerable.Range(1, 6)
            from rows in Enumerable.Range(1, 6)
            where columns * rows <= 6
            select new PixelSize(columns * tileSize, rows * tileSize),
        ];

    private static PatchMerge ReadMerge(GgufFile file, string? newline)
    {
        const string Key = "clip.vision.mm_patch_merge_type";
        if (!file.Metadata.TryGetString(Key, out string? merge))
            return newline is null ? PatchMerge.Flat : PatchMerge.SpatialUnpad;
        return merge switch
        {
            "flat" => PatchMerge.Flat,
            "spatial" => PatchMerge.Spatial,
            "spatial_unpad" => PatchMerge.SpatialUnpad,
            _ => throw new ModelFileException(
                file.Path,
                $"{Key} is '{merge}', which is not supported; known are flat, spatial and spatial_unpad."
            ),
        };
    }

    private static UnpadRule ReadUnpadRule(GgufFile file)
    {
        const string Key = "clip.vision.mm_unpad_rule";
        if (!file.Metadata.TryGetString(Key, out string? rule))
            return AspectRatio(file) == "hd" ? UnpadRule.Exclusive : UnpadRule.Floor;
        return rule switch
        {
            "floor" => UnpadRule.Floor,
            "exclusive" => UnpadRule.Exclusive,
            _ => throw new ModelFileException(file.Path, $"{Key} is '{rule}', which is not supported; known are floor and exclusive."),
        };
    }

    // "anyres_max_9": LLaVA-VL/LLaVA-NeXT, llava/model/llava_arch.py.
    private static int? MapTiles(GgufFile file)
    {
        const string Prefix = "anyres_max_";
        string ratio = AspectRatio(file);
        if (!ratio.StartsWith(Prefix, StringComparison.Ordinal))
            return null;
        return
            int.TryParse(ratio.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int tiles)
            && tiles is > 0 and <= MaxTileCount
            ? tiles
            : throw new ModelFileException(
                file.Path,
                $"clip.vision.image_aspect_ratio is '{ratio}'; a number from 1 to {MaxTileCount} must follow '{Prefix}'."
            );
    }
}
