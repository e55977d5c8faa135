using Tessera.Gguf;

namespace Tessera.Vision.Families.MplugOwl;

/// <summary>mPLUG-Owl 1.</summary>
internal static class MplugOwlFamily
{
    public static VisionFamily Row { get; } = new(["abstractor"], static _ => true, static _ => "mPLUG-Owl", Open, MplugOwlShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        MplugOwlConfig config = MplugOwlConfig.Read(file);
        return new FamilyParts(
            new MplugOwlImageProcessor(config),
            config.Outputs,
            weights => new MplugOwlEncoder(config, weights),
            MplugOwlPrompt.Wording
        );
    }
}
