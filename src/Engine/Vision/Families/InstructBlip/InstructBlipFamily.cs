using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InstructBlip;

/// <summary>InstructBLIP: a Q-Former that reads the instruction.</summary>
internal static class InstructBlipFamily
{
    public static VisionFamily Row { get; } =
        new(
            ["qformer"],
            static file => file.TryGetTensor(QFormerText.TokenTensor, out _),
            static _ => "InstructBLIP",
            Open,
            InstructBlipShape.Released
        );

    private static FamilyParts Open(GgufFile file, Preprocessing preprocessing)
    {
        QFormerProjectorConfig config = QFormerProjectorConfig.Read(file);
        QFormerText text =
            config.QFormer.Text ?? throw new ModelFileException(file.Path, $"tensor '{QFormerText.TokenTensor}' is missing.");
        return new FamilyParts(
            new InstructBlipImageProcessor(config, text),
            config.Outputs,
            weights => new InstructBlipEncoder(config, text, weights),
            InstructBlipPrompt.Wording
        )
        {
            StartsBehindRows = true,
            Languages = [config.Language ?? "llama"],
        };
    }
}
