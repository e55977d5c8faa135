using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Idefics;

/// <summary>IDEFICS' tower and perceiver (HuggingFaceM4/idefics-9b): ViT-H of CLIP, 64 latents that the language model looks at.</summary>
/// <param name="Tower">The tower; its class token is among the features, and no norm stands behind its last block.</param>
/// <param name="Perceiver">What makes latents of the features.</param>
/// <param name="LanguageWidth">Width of the language model.</param>
internal sealed record IdeficsConfig(VisionTransformerConfig Tower, LatentPerceiverConfig Perceiver, int LanguageWidth)
{
    private const string WidthKey = "clip.vision.projection_dim";
    private const int MaxWidth = 1 << 16;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static IdeficsConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file) with { KeepsClassToken = true };
        if (!tower.HasClassToken || !tower.HasPreNorm)
            throw new ModelFileException(file.Path, "tensor 'v.class_embd' or 'v.pre_ln.weight' is missing, which IDEFICS needs.");
        LatentPerceiverConfig perceiver = LatentPerceiverConfig.Read(file, tower.HiddenSize, usesRelu: true);
        uint width = file.Metadata.RequireUInt32(WidthKey);
        return width is > 0 and <= MaxWidth
            ? new IdeficsConfig(tower, perceiver, (int)width)
            : throw new ModelFileException(file.Path, $"{WidthKey} is {width}, not within 1 to {MaxWidth}.");
    }
}
