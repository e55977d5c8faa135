using Tessera.Gguf;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>MiniCPM-V 2.0 to 4.5.</summary>
internal static class MiniCpmVFamily
{
    public static VisionFamily Row { get; } = new(["resampler"], static _ => true, MiniCpmVConfig.NameOf, Open, MiniCpmVShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        MiniCpmVConfig config = MiniCpmVConfig.Read(file);
        return new FamilyParts(
            new MiniCpmVImageProcessor(config),
            config.Resampler.Width,
            weights => new MiniCpmVEncoder(config, weights),
            config.Wording
        );
    }
}
