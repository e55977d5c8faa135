using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Families;

/// <summary>
/// How a LLaVA cuts pictures and pools the frames of a video, as its settings tell: the keys of docs/gguf.md. Sources: LLaVA-VL/LLaVA-NeXT,
/// llava/mm_utils.py and llava/model/llava_arch.py; huggingface/transformers v5.12, models/llava*.
/// </summary>
internal sealed partial class LlavaTiling(Settings config, bool isAuthors)
{
    private const int MostTilesPerSide = 12;

    /// <summary>Name of the family.</summary>
    public string Name =>
        IsInterleave ? "LLaVA-NeXT-Interleave"
        : AspectRatio is not string ratio ? "LLaVA"
        : ratio.StartsWith("anyres_max", StringComparison.Ordinal) ? "LLaVA-OneVision"
        : !ratio.StartsWith("anyres", StringComparison.Ordinal) ? "LLaVA"
        : TakesVideo ? "LLaVA-NeXT-Video"
        : "LLaVA-NeXT";

    /// <summary>Whether the tower is SigLIP.</summary>
    public bool IsSiglip =>
        isAuthors
            ? config.TryText("mm_vision_tower")?.Contains("siglip", StringComparison.OrdinalIgnoreCase) is true
            : config.Child("vision_config")?.TryText("model_type") is "siglip_vision_model";

    // The authors merge flat where nothing else is said, and give each picture to SigLIP's processor, whatever image_aspect_ratio says
    // (playground/demo/interleave_demo.py of July 2024); transformers has it as its plain class.
    private bool IsInterleave =>
        IsSiglip
        && (isAuthors ? config.TryText("mm_patch_merge_type") is null or "flat" : config.TryText("model_type") is "llava")
        && config.TryText("image_aspect_ratio") is not "pad";

    private bool TakesVideo =>
        config.TryText("model_type") is "llava_next_video" || config.Has("mm_spatial_pool_stride") || config.Has("mm_newline_position");

    private string? AspectRatio
    {
        get
        {
            if (IsInterleave)
                return "square";
            if (config.TryText("image_aspect_ratio") is string given)
                return given is "square" && config.Has("image_grid_pinpoints") ? "anyres" : given;
            if (config.TryText("vision_aspect_ratio") is string ratio)
                return ratio;
            return config.TryText("model_type") switch
            {
                "llava_onevision" => "anyres_max_9",
                "llava_next" or "llava_next_video" => "anyres",
                // Without the key the authors give a picture to the tower's processor (llava/mm_utils.py, process_images).
                _ when isAuthors => "square",
                _ => null,
            };
        }
    }

    /// <summary>Sets what a projector's file says about pictures and frames.</summary>
    /// <param name="metadata">The keys.</param>
    /// <param name="hasNewline">Whether the checkpoint has a newline embedding.</param>
    /// <param name="tileSize">Side of the tower's input.</param>
    public void SetKeys(Metadata metadata, bool hasNewline, long tileSize)
    {
        string? ratio = AspectRatio;
        metadata.SetIfKnown("clip.vision.image_aspect_ratio", ratio);
        if (IsInterleave)
            metadata.Set("clip.vision.mm_patch_merge_type", "flat");
        if (ratio is null || !ratio.StartsWith("anyres", StringComparison.Ordinal))
            return;
        metadata.Set("clip.vision.image_grid_pinpoints", Pinpoints(tileSize));
        metadata.Set("clip.vision.mm_patch_merge_type", config.TryText("mm_patch_merge_type") ?? (hasNewline ? "spatial_unpad" : "flat"));
        if (TakesVideo || config.Has("mm_spatial_pool_mode"))
            SetPooling(metadata);
    }

    // The models released with CLIP towers were pooled before the connector, with one newline at the end (LLaVA-VL/LLaVA-NeXT 5c9dcb4);
    // what came later is pooled after it. transformers' class puts no newline.
    private void SetPooling(Metadata metadata)
    {
        metadata.SetIfKnown(
            "clip.vision.mm_spatial_pool_mode",
            config.TryText("mm_spatial_pool_mode") ?? config.TryText("spatial_pool_mode")
        );
        if (config.TryCount("mm_spatial_pool_stride", "spatial_pool_stride") is long stride)
            metadata.Set("clip.vision.mm_spatial_pool_stride", stride);
        if (IsSiglip)
        {
            metadata.SetIfKnown("clip.vision.mm_newline_position", config.TryText("mm_newline_position"));
            return;
        }

        metadata.Set("clip.vision.mm_spatial_pool_position", "pre_projector");
        metadata.Set("clip.vision.mm_newline_position", config.TryText("mm_newline_position") ?? (isAuthors ? "one_token" : "no_token"));
    }

    // transformers reads the pairs as height and width, the authors as width and height. A list that holds every pair both ways is the
    // authors' own, whose order breaks ties; any other is turned.
    private int[] Pinpoints(long tileSize)
    {
        const string Key = "image_grid_pinpoints";
        if (!config.TryGet(Key, out JsonElement value))
            throw new CheckpointException(config.Path, $"{Key} is missing.");
        if (value.ValueKind == JsonValueKind.String)
            return Range(value.GetString()!, tileSize);
        int[] flat = Array.ConvertAll(config.TryNumbers(Key)!, static number => (int)number);
        if (flat.Length == 0 || flat.Length % 2 != 0)
            throw config.Wrong(Key, "a list of pairs");
        (int First, int Second)[] pairs = [.. flat.Chunk(2).Select(static pair => (pair[0], pair[1]))];
        bool isSymmetric = pairs.All(pair => pairs.Contains((pair.Second, pair.First)));
        return isAuthors || isSymmetric ? flat : [.. pairs.SelectMany(static pair => (int[])[pair.Second, pair.First])];
    }

    // "(1x1),...,(6x6)": every grid from the first to the last, columns in the outer loop, in tiles.
    private int[] Range(string rule, long tileSize)
    {
        int[][] pairs =
        [
            .. GridPattern()
                .Matches(rule)
                .Select(static match =>
                    (int[])
                        [
                            int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture),
                            int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture),
                        ]
                ),
        ];
        bool isRange = pairs.Length > 0 && pairs.SelectMany(static pair => pair).All(static side => side is > 0 and <= MostTilesPerSide);
        if (!isRange)
            throw new CheckpointException(
                config.Path,
                $"image_grid_pinpoints is '{CheckpointFolder.Shown(rule)}', which is neither a list of sizes nor a range "
                    + "of grids such as (1x1),...,(6x6)."
            );
        return
        [
            .. from columns in Enumerable.Range(pairs[0][0], Math.Max(0, pairs[^1][0] - pairs[0][0] + 1))
            from rows in Enumerable.Range(pairs[0][1], Math.Max(0, pairs[^1][1] - pairs[0][1] + 1))
            from side in (int[])[columns * (int)tileSize, rows * (int)tileSize]
            select side,
        ];
    }

    [GeneratedRegex(@"\((\d{1,3})x(\d{1,3})\)", RegexOptions.CultureInvariant)]
    private static partial Regex GridPattern();
}
