using Tessera.Gguf;

namespace Tessera.Vision.Families.InternVl;

/// <summary>InternVL.</summary>
internal static class InternVlFamily
{
    public static VisionFamily Row { get; } = new(["internvl"], static _ => true, static _ => "InternVL", Open, InternVlShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        InternVlConfig config = InternVlConfig.Read(file);
        return new FamilyParts(
            new InternVlImageProcessor(config),
            config.Outputs,
            weights => new InternVlEncoder(config, weights),
            InternVlPrompt.Wording
        )
        {
            Regions = BracketRegions.Read,
        };
    }
}
