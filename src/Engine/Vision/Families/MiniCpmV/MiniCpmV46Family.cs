using Tessera.Gguf;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>MiniCPM-V 4.6.</summary>
internal static class MiniCpmV46Family
{
    public static VisionFamily Row { get; } =
        new(["minicpmv4_6"], static _ => true, static _ => "MiniCPM-V 4.6", Open, MiniCpmV46Shape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        MiniCpmV46Config config = MiniCpmV46Config.Read(file);
        return new FamilyParts(
            new MiniCpmV46ImageProcessor(config),
            config.Outputs,
            weights => new MiniCpmV46Encoder(config, weights),
            MiniCpmVPrompt.Qwen35
        )
        {
            RowsArePlacedAsText = true,
        };
    }
}
