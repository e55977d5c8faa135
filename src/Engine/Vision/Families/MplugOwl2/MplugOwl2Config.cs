using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MplugOwl2;

/// <summary>
/// mPLUG-Owl2: a CLIP tower with its class token and last norm, a visual abstractor whose queries and keys have positions, and one more
/// embedding at the end. Source: X-PLUG/mPLUG-Owl, mPLUG-Owl2/mplug_owl2/model/visual_encoder.py and configuration_mplug_owl2.py; arXiv
/// 2311.04257.
/// </summary>
/// <param name="Tower">The tower.</param>
/// <param name="Abstractor">The abstractor.</param>
/// <param name="Outputs">Width of an embedding.</param>
internal sealed record MplugOwl2Config(VisionTransformerConfig Tower, VisualAbstractorConfig Abstractor, int Outputs)
{
    /// <summary>The linear layer behind the abstractor.</summary>
    public const string Connector = "mm.0";

    /// <summary>Embeddings of a picture.</summary>
    public int TokenCount => Abstractor.QueryCount + 1;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static MplugOwl2Config Read(GgufFile file)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file) with { KeepsClassToken = true };
        if (!tower.HasClassToken)
            throw new ModelFileException(file.Path, "tensor 'v.class_embd' is missing, which mPLUG-Owl2's tower needs.");
        return new MplugOwl2Config(
            tower,
            VisualAbstractorConfig.Read(file, tower.HiddenSize) with
            {
                PlacedSide = tower.PatchesPerSide,
            },
            MlpConnectorConfig.OutputCount(file, Connector + ".weight", tower.HiddenSize)
        );
    }
}
