using Tessera.Gguf;

namespace Tessera.Vision.Families.Mllama;

/// <summary>Llama 3.2 Vision.</summary>
internal static class MllamaFamily
{
    public static VisionFamily Row { get; } =
        new(["mllama"], MllamaConfig.IsIn, static _ => "Llama 3.2 Vision", Open, MllamaShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        MllamaConfig config = MllamaConfig.Read(file);
        return new FamilyParts(
            new MllamaImageProcessor(config),
            config.Outputs,
            weights => new MllamaEncoder(config, weights),
            MllamaPrompt.Wording
        )
        {
            MemoryWidth = config.Outputs,
        };
    }
}
