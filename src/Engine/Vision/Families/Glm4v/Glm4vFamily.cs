using Tessera.Gguf;

namespace Tessera.Vision.Families.Glm4v;

/// <summary>GLM-4V-9B.</summary>
internal static class Glm4vFamily
{
    public static VisionFamily Row { get; } = new(["adapter_eva"], static _ => true, static _ => "GLM-4V", Open, Glm4vShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        Glm4vConfig config = Glm4vConfig.Read(file);
        return new FamilyParts(
            new Glm4vImageProcessor(config),
            config.Outputs,
            weights => new Glm4vEncoder(config, weights),
            Glm4vPrompt.Wording
        )
        {
            RowsSharePositions = true,
            Regions = BracketRegions.Read,
        };
    }
}
