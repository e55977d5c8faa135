using Tessera.Gguf;

namespace Tessera.Vision.Families.Llava;

/// <summary>LLaVA-1, LLaVA-1.5; LLaVA-NeXT-Interleave, which has a SigLIP tower and Qwen; InternVL 1.0's chat models, which have
/// InternViT.</summary>
internal static class LlavaFamily
{
    public static VisionFamily Row { get; } = new(["mlp", "mlp_norm"], static _ => true, NameOf, Open, LlavaShape.Released);

    private static string NameOf(GgufFile file) =>
        LlavaConfig.IsInternVl(file) ? "InternVL 1.0"
        : file.TryGetTensor("v.class_embd", out _) ? "LLaVA"
        : "LLaVA-NeXT-Interleave";

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        LlavaConfig config = LlavaConfig.Read(file);
        return new FamilyParts(
            new LlavaImageProcessor(config, preprocessing),
            config.Connector.Outputs,
            weights => new LlavaEncoder(config, weights),
            config.Tower.HasClassToken ? FamilyPrompt.Vicuna : FamilyPrompt.Qwen
        );
    }
}
