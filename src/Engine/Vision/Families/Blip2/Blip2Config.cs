using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip2;

/// <summary>
/// BLIP-2: EVA-CLIP's ViT-g, a Q-Former whose queries see the picture alone, and one linear layer. Source: salesforce/LAVIS,
/// lavis/models/blip2_models/blip2_t5.py; huggingface/transformers v5.12, models/blip_2; arXiv 2301.12597.
/// </summary>
/// <param name="Tower">The tower.</param>
/// <param name="QFormer">The Q-Former.</param>
/// <param name="Outputs">Width of an embedding.</param>
/// <param name="Language">Architecture of the language model that it was made for; null where the file does not say.</param>
internal sealed record Blip2Config(EvaTowerConfig Tower, QFormerConfig QFormer, int Outputs, string? Language)
{
    private const string LanguageKey = "clip.vision.projector.language";

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static Blip2Config Read(GgufFile file)
    {
        EvaTowerConfig tower = EvaTowerConfig.Read(file);
        QFormerConfig former = QFormerConfig.Read(file, tower.Tower.HiddenSize);
        return new Blip2Config(
            tower,
            former,
            MlpConnectorConfig.OutputCount(file, "mm.0.weight", former.Width),
            file.Metadata.TryGetString(LanguageKey, out string? language) ? language : null
        );
    }
}
