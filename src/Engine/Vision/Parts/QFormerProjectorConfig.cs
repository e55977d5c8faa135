using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>
/// An EVA tower, a Q-Former and one linear layer, as BLIP-2 and its kin have them. Source: salesforce/LAVIS,
/// lavis/models/blip2_models/blip2.py; huggingface/transformers v5.12, models/blip_2; arXiv 2301.12597, 2305.06500.
/// </summary>
/// <param name="Tower">The tower.</param>
/// <param name="QFormer">The Q-Former.</param>
/// <param name="Outputs">Width of an embedding.</param>
/// <param name="Language">Architecture of the language model that it was made for; null where the file does not say.</param>
internal sealed record QFormerProjectorConfig(EvaTowerConfig Tower, QFormerConfig QFormer, int Outputs, string? Language)
{
    private const string LanguageKey = "clip.vision.projector.language";

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static QFormerProjectorConfig Read(GgufFile file)
    {
        EvaTowerConfig tower = EvaTowerConfig.Read(file);
        QFormerConfig former = QFormerConfig.Read(file, tower.Tower.HiddenSize);
        return new QFormerProjectorConfig(
            tower,
            former,
            MlpConnectorConfig.OutputCount(file, "mm.0.weight", former.Width),
            file.Metadata.TryGetString(LanguageKey, out string? language) ? language : null
        );
    }
}
