using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>What InternViT-300M and -6B have beyond other towers.</summary>
internal static class InternVit
{
    private const string PositionTensor = "v.position_embd.weight";

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

    /// <summary>As <see cref="Read"/>, where the table of positions may be of another size than the input (InternVL 1.0).</summary>
    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static VisionTransformerConfig ReadAnySize(GgufFile file)
    {
        VisionTransformerConfig tower = Read(file);
        long stored = file.TryGetTensor(PositionTensor, out GgufTensor? table) ? table.ElementCount / tower.HiddenSize : 0;
        int side = (int)Math.Sqrt(Math.Max(0, stored - 1));
        return side > 0 && (long)side * side == stored - 1
            ? tower with
            {
                PositionCount = (int)stored,
            }
            : throw new ModelFileException(
                file.Path,
                $"tensor '{PositionTensor}' holds {stored} positions, which are no square and one for the class token."
            );
    }

    /// <summary>The table of positions in the input's size [hidden, 1 + patches]; empty where it is stored so (OpenGVLab/InternVL,
    /// internvl_chat_llava/llava/model/multimodal_encoder/intern_vit_6b/modeling_intern_vit.py, _get_pos_embed).</summary>
    public static float[] ResizedPositions(VisionTransformerConfig tower, WeightStore weights)
    {
        if (tower.PositionCount == tower.PatchCount + 1)
            return [];
        int hidden = tower.HiddenSize,
            side = (int)Math.Sqrt(tower.PositionCount - 1);
        float[] table = weights.HostValues(PositionTensor, (long)hidden * tower.PositionCount);
        var patches = new PositionTable(table[hidden..], side, hidden);
        return [.. table[..hidden], .. patches.Resize(tower.PatchesPerSide, tower.PatchesPerSide, TableResize.Bicubic)];
    }
}
