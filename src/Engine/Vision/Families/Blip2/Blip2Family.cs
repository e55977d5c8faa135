using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip2;

/// <summary>BLIP-2: a Q-Former that reads no instruction.</summary>
internal static class Blip2Family
{
    public static VisionFamily Row { get; } =
        new(
            ["qformer"],
            static file => !file.TryGetTensor(QFormerText.TokenTensor, out _),
            static _ => "BLIP-2",
            Open,
            Blip2Shape.Released
        );

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        QFormerProjectorConfig config = QFormerProjectorConfig.Read(file);
        return new FamilyParts(
            new Blip2ImageProcessor(config),
            config.Outputs,
            weights => new Blip2Encoder(config, weights),
            Blip2Prompt.WordingFor(config.Language)
        )
        {
            StartsBehindRows = true,
            Languages = [config.Language ?? "t5"],
        };
    }
}
