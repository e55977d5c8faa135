using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Idefics;

/// <summary>IDEFICS' tower and perceiver (HuggingFaceM4/idefics-9b): ViT-H of CLIP, 64 latents that the language model looks at.</summary>
internal sealed record IdeficsConfig
{
    private const string HeadCountKey = "clip.perceiver.attention.head_count";
    private const int MaxCount = 1 << 16;

    /// <summary>The tower; its class token is among the features, and no norm stands behind its last block.</summary>
    public required VisionTransformerConfig Tower { get; init; }

    /// <summary>Rows that a picture becomes.</summary>
    public required int LatentCount { get; init; }

    /// <summary>Blocks of the perceiver.</summary>
    public required int Depth { get; init; }

    /// <summary>Heads of the perceiver's attention.</summary>
    public required int HeadCount { get; init; }

    /// <summary>Width of them all.</summary>
    public required int InnerWidth { get; init; }

    /// <summary>Width inside the perceiver's feed-forward networks.</summary>
    public required int FeedForward { get; init; }

    /// <summary>Width of the language model.</summary>
    public required int LanguageWidth { get; init; }

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static IdeficsConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file) with { KeepsClassToken = true };
        if (!tower.HasClassToken || !tower.HasPreNorm)
            throw new ModelFileException(file.Path, "tensor 'v.class_embd' or 'v.pre_ln.weight' is missing, which IDEFICS needs.");
        int depth = 0;
        while (depth < 64 && file.TryGetTensor($"perceiver.blk.{depth}.q.weight", out _))
            depth++;
        var config = new IdeficsConfig
        {
            Tower = tower,
            LatentCount = Rows(file, "perceiver.latents"),
            Depth = depth > 0 ? depth : throw Missing(file, "perceiver.blk.0.q.weight"),
            HeadCount = (int)Math.Min(file.Metadata.RequireUInt32(HeadCountKey), MaxCount),
            InnerWidth = Rows(file, "perceiver.blk.0.q.weight"),
            FeedForward = Rows(file, "perceiver.blk.0.ffn_up.weight"),
            LanguageWidth = (int)Math.Min(file.Metadata.RequireUInt32("clip.vision.projection_dim"), MaxCount),
        };
        return config.HeadCount > 0 && config.InnerWidth % config.HeadCount == 0 && config.LanguageWidth > 0
            ? config
            : throw new ModelFileException(
                file.Path,
                $"{HeadCountKey} is {config.HeadCount}, which does not divide the perceiver's width, {config.InnerWidth}."
            );
    }

    private static int Rows(GgufFile file, string name) =>
        file.TryGetTensor(name, out GgufTensor? tensor) && tensor.Shape.Length == 2 && tensor.Shape[1] is > 0 and <= MaxCount
            ? (int)tensor.Shape[1]
            : throw Missing(file, name);

    private static ModelFileException Missing(GgufFile file, string name) =>
        new(file.Path, $"tensor '{name}' is missing, or is no matrix.");
}
