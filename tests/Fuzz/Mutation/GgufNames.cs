namespace Tessera.Fuzz.Mutation;

/// <summary>Names that model files may have, from names.txt.</summary>
internal static class GgufNames
{
    /// <summary>Values of general.architecture.</summary>
    public static IReadOnlyList<string> Architectures { get; } = Read("architecture ");

    /// <summary>Keys; %s stands for the architecture.</summary>
    public static IReadOnlyList<string> Keys { get; } =
    [
        .. Read("key "),
        "clip.projector_type",
        "clip.has_vision_encoder",
        "clip.use_silu",
        "clip.use_gelu",
        "clip.vision.image_size",
        "clip.vision.patch_size",
        "clip.vision.feature_layer",
        "clip.vision.image_aspect_ratio",
        "clip.vision.image_grid_pinpoints",
        "clip.vision.mm_patch_merge_type",
        "clip.vision.preproc_min_tiles",
        "clip.vision.preproc_max_tiles",
        "clip.vision.image_mean",
        "clip.vision.image_std",
        "clip.vision.projector.scale_factor",
        "clip.vision.projector.token_order",
        "clip.minicpmv_version",
        "clip.minicpmv_query_num",
        "clip.vision.block_count",
        "clip.vision.embedding_length",
        "clip.vision.attention.head_count",
    ];

    /// <summary>Tensors without <c>.weight</c>; %d stands for the block.</summary>
    public static IReadOnlyList<string> Tensors { get; } = Read("tensor ");

    private static string[] Read(string kind)
    {
        using Stream stream = typeof(GgufNames).Assembly.GetManifestResourceStream("names.txt")!;
        using var reader = new StreamReader(stream);
        return
        [
            .. reader
                .ReadToEnd()
                .Split('\n')
                .Where(line => line.StartsWith(kind, StringComparison.Ordinal))
                .Select(line => line[kind.Length..].Trim()),
        ];
    }
}
