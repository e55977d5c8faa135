using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>InternVL 1.0 with QLLaMA, whose wording is LLaVA's as its code is; without QLLaMA it is LLaVA with another tower.</summary>
internal static class InternVl1Family
{
    public static VisionFamily Row { get; } =
        new(["qllama"], static _ => true, static _ => "InternVL 1.0 with QLLaMA", Open, InternVl1Shape.Released);

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        var config = InternVl1Config.Read(file);
        HashSet<string> sources = SourceDigests.Of(file);
        return new FamilyParts(
            new InternVl1ImageProcessor(config),
            config.PatchConnector.Outputs,
            weights => new InternVl1Encoder(config, weights),
            FamilyPrompt.Vicuna
        )
        {
            // Any Llama of its width would answer, and none but its own anything sensible.
            IsFor = language => SourceDigests.MayBeOneCheckpoint(sources, language),
        };
    }
}
