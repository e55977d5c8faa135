using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Llava;

/// <summary>
/// LLaVA-1 and LLaVA-1.5: a CLIP tower and one linear layer or two with GELU. Source: haotian-liu/LLaVA, llava/model/llava_arch.py
/// and llava/model/multimodal_projector/builder.py; arXiv 2304.08485 and 2310.03744.
/// </summary>
internal sealed record LlavaConfig(VisionTransformerConfig Tower, MlpConnectorConfig Connector, AspectRatioRule AspectRatio)
{
    /// <summary>Whether a picture stands between two tokens of the language model's vocabulary (LLaVA-1's first releases).</summary>
    public bool HasEndTokens { get; init; }

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static LlavaConfig Read(GgufFile file)
    {
        // InternVL 1.0 puts InternViT in CLIP's place.
        VisionTransformerConfig tower = IsInternVl(file) ? InternVit.ReadAnySize(file) : VisionTransformerConfig.Read(file);
        MlpConnectorConfig connector = MlpConnectorConfig.Read(file, tower.HiddenSize);
        return new LlavaConfig(tower, connector, ReadAspectRatio(file, tower, connector.Kind))
        {
            HasEndTokens = file.Metadata.TryGetBoolean("clip.vision.mm_use_im_start_end", out bool hasEnds) && hasEnds,
        };
    }

    /// <summary>Whether a file is of InternVL 1.0's chat models, which are LLaVA's code with InternViT.</summary>
    public static bool IsInternVl(GgufFile file) => file.TryGetTensor("v.blk.0.ls1.weight", out _);

    // The key is written only when the source configuration had it. LLaVA-1.5 (two layers) was trained with padding, LLaVA-1 (one
    // layer) with the CLIP processor's crop (haotian-liu/LLaVA: scripts/v1_5/finetune.sh, llava/mm_utils.py process_images). Without
    // padding a picture goes to the tower's processor as it is: CLIP's crops, SigLIP's stretches.
    private static AspectRatioRule ReadAspectRatio(GgufFile file, VisionTransformerConfig tower, MlpKind kind)
    {
        const string Key = "clip.vision.image_aspect_ratio";
        AspectRatioRule processors = tower.HasClassToken ? AspectRatioRule.Crop : AspectRatioRule.Stretch;
        if (!file.Metadata.TryGetString(Key, out string? rule))
            return kind == MlpKind.Linear || !tower.HasClassToken ? processors : AspectRatioRule.Pad;
        return rule switch
        {
            "pad" => AspectRatioRule.Pad,
            "crop" => AspectRatioRule.Crop,
            "square" => processors,
            _ => throw new ModelFileException(file.Path, $"{Key} is '{rule}', which is not supported; known are pad and square."),
        };
    }
}
