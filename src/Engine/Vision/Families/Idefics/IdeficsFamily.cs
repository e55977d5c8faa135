using Tessera.Gguf;

namespace Tessera.Vision.Families.Idefics;

/// <summary>IDEFICS, the open Flamingo.</summary>
internal static class IdeficsFamily
{
    public static VisionFamily Row { get; } = new(["idefics"], static _ => true, static _ => "IDEFICS", Open, IdeficsShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        IdeficsConfig config = IdeficsConfig.Read(file);
        return new FamilyParts(
            new IdeficsImageProcessor(config),
            config.LanguageWidth,
            weights => new IdeficsEncoder(config, weights),
            IdeficsPrompt.Wording
        )
        {
            MemoryWidth = config.Tower.HiddenSize,
        };
    }
}
