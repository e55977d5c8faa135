using Tessera.Gguf;

namespace Tessera.Vision.Families.Vila;

/// <summary>VILA 1.5 and NVILA.</summary>
internal static class VilaFamily
{
    public static VisionFamily Row { get; } = new(["vila_downsample"], static _ => true, VilaConfig.NameOf, Open, VilaShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        VilaConfig config = VilaConfig.Read(file);
        return new FamilyParts(
            new VilaImageProcessor(config),
            config.Connector.Outputs,
            weights => config.Scales.Count > 0 ? new VilaScaleEncoder(config, weights) : new VilaEncoder(config, weights),
            config.IsNvila ? VilaPrompt.Nvila : VilaPrompt.Vila15
        );
    }
}
