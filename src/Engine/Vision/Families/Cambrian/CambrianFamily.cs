using Tessera.Gguf;

namespace Tessera.Vision.Families.Cambrian;

/// <summary>Cambrian-1.</summary>
internal static class CambrianFamily
{
    // Text/Graph has the page of it.
    private static readonly string[] Language = ["cambrian"];

    public static VisionFamily Row { get; } =
        new(["cambrian_sva"], static _ => true, static _ => "Cambrian-1", Open, CambrianShape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        CambrianConfig config = CambrianConfig.Read(file);
        return new FamilyParts(
            new CambrianImageProcessor(config),
            config.Outputs,
            weights => new CambrianEncoder(config, weights),
            CambrianPrompt.Wording
        )
        {
            BesideWidth = config.BesideWidth,
            Languages = config.IsInLanguageModel ? Language : null,
        };
    }
}
