using Tessera.Gguf;

namespace Tessera.Vision.Families.Flamingo;

/// <summary>OpenFlamingo on MPT and on GPT-NeoX.</summary>
internal static class FlamingoFamily
{
    public static VisionFamily Row { get; } = new(["flamingo"], static _ => true, static _ => "OpenFlamingo", Open, FlamingoShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        FlamingoConfig config = FlamingoConfig.Read(file);
        return new FamilyParts(
            new FlamingoImageProcessor(config),
            config.LanguageWidth,
            weights => new FlamingoEncoder(config, weights),
            FlamingoPrompt.Wording
        )
        {
            MemoryWidth = config.Tower.HiddenSize,
            Languages = ["flamingo-mpt", "flamingo-neox"],
        };
    }
}
