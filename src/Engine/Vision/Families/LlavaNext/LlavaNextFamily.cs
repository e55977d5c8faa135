using Tessera.Gguf;

namespace Tessera.Vision.Families.LlavaNext;

/// <summary>LLaVA-NeXT, LLaVA-OneVision and LLaVA-1.5-HD.</summary>
internal static class LlavaNextFamily
{
    public static VisionFamily Row { get; } =
        new(["mlp", "mlp_norm"], LlavaNextConfig.Recognises, LlavaNextConfig.NameOf, Open, LlavaNextShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        LlavaNextConfig config = LlavaNextConfig.Read(file);
        int frameSide = config.Tower.PatchesPerSide / config.Video.Stride;
        FamilyPrompt wording = config.PadsSeveralImages ? FamilyPrompt.Qwen : FamilyPrompt.Vicuna;
        return new FamilyParts(
            new LlavaNextImageProcessor(config, preprocessing),
            config.Connector.Outputs,
            weights => new LlavaNextEncoder(config, preprocessing, weights),
            wording
        )
        {
            PositionFactor = FramePooling.IsTold(file) ? frames => VideoPositions.FactorFor(frames, frameSide * frameSide) : null,
        };
    }
}
