using Tessera.Gguf;

namespace Tessera.Vision.Families.Llava;

/// <summary>LLaVA-1 and LLaVA-1.5.</summary>
internal static class LlavaFamily
{
    public static VisionFamily Row { get; } = new(["mlp", "mlp_norm"], static _ => true, static _ => "LLaVA", Open, LlavaShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        LlavaConfig config = LlavaConfig.Read(file);
        return new FamilyParts(
            new LlavaImageProcessor(config, preprocessing),
            config.Connector.Outputs,
            weights => new LlavaEncoder(config, weights),
            FamilyPrompt.Vicuna
        );
    }
}
