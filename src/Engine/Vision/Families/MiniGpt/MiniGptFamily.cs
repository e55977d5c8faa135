using Tessera.Gguf;

namespace Tessera.Vision.Families.MiniGpt;

/// <summary>MiniGPT-4 and MiniGPT-v2.</summary>
internal static class MiniGptFamily
{
    public static VisionFamily Row { get; } = new(["minigpt4"], static _ => true, NameOf, Open, MiniGptShape.Released);

    private static string NameOf(GgufFile file) =>
        file.Metadata.TryGetString("clip.minigpt.wording", out string? wording) && wording == "v2" ? "MiniGPT-v2" : "MiniGPT-4";

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        MiniGptConfig config = MiniGptConfig.Read(file);
        return new FamilyParts(
            new MiniGptImageProcessor(config),
            config.Outputs,
            weights => new MiniGptEncoder(config, weights),
            MiniGptPrompt.WordingFor(config.Wording)
        )
        {
            KeepsStartText = true,
            Regions = config.Wording == MiniGptWording.Version2 ? MiniGptRegions.Read : null,
            Languages = ["llama"],
        };
    }
}
