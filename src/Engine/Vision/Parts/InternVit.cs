using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>What InternViT-300M and -6B have beyond other towers.</summary>
internal static class InternVit
{
    /// <summary>Reads the dimensions. InternViT-6B's norms are RMS and so have no bias; InternViT-300M's are layer norms with one. No key
    /// tells.</summary>
    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static VisionTransformerConfig Read(GgufFile file)
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
}
