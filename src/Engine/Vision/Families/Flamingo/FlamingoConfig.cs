using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Flamingo;

/// <summary>OpenFlamingo's tower and resampler (openflamingo/OpenFlamingo-9B-vitl-mpt7b): CLIP's ViT-L/14, 64 latents that the language
/// model looks at.</summary>
/// <param name="Tower">The tower; features are the patches' of the last block, without the class token and the norm behind.</param>
/// <param name="Perceiver">What makes latents of the features.</param>
/// <param name="LanguageWidth">Width of the language model.</param>
internal sealed record FlamingoConfig(VisionTransformerConfig Tower, LatentPerceiverConfig Perceiver, int LanguageWidth)
{
    private const string WidthKey = "clip.vision.projection_dim";
    private const int MaxWidth = 1 << 16;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static FlamingoConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file);
        if (!tower.HasClassToken || !tower.HasPreNorm)
            throw new ModelFileException(file.Path, "tensor 'v.class_embd' or 'v.pre_ln.weight' is missing, which OpenFlamingo needs.");
        LatentPerceiverConfig perceiver = LatentPerceiverConfig.Read(file, tower.HiddenSize, usesRelu: false);
        uint width = file.Metadata.RequireUInt32(WidthKey);
        return width is > 0 and <= MaxWidth
            ? new FlamingoConfig(tower, perceiver, (int)width)
            : throw new ModelFileException(file.Path, $"{WidthKey} is {width}, not within 1 to {MaxWidth}.");
    }
}
