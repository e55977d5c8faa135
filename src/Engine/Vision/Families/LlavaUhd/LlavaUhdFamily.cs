using Tessera.Gguf;

namespace Tessera.Vision.Families.LlavaUhd;

/// <summary>LLaVA-UHD.</summary>
internal static class LlavaUhdFamily
{
    public static VisionFamily Row { get; } =
        new(["uhd_resampler"], static _ => true, static _ => "LLaVA-UHD", Open, LlavaUhdShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        LlavaUhdConfig config = LlavaUhdConfig.Read(file);
        return new FamilyParts(
            new LlavaUhdImageProcessor(config),
            config.Resampler.Width,
            weights => new LlavaUhdEncoder(config, weights),
            FamilyPrompt.Vicuna
        );
    }
}
