using Tessera.Gguf;

namespace Tessera.Vision.Families.MplugOwl2;

/// <summary>mPLUG-Owl2.</summary>
internal static class MplugOwl2Family
{
    public static VisionFamily Row { get; } =
        new(["mplug_owl2"], static _ => true, static _ => "mPLUG-Owl2", Open, MplugOwl2Shape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        MplugOwl2Config config = MplugOwl2Config.Read(file);
        return new FamilyParts(
            new MplugOwl2ImageProcessor(config),
            config.Outputs,
            weights => new MplugOwl2Encoder(config, weights),
            MplugOwl2Prompt.Wording
        )
        {
            Languages = ["mplug_owl2"],
        };
    }
}
