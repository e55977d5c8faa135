using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MplugOwl;

/// <summary>
/// mPLUG-Owl 1: a CLIP tower with its class token and last norm, and a visual abstractor of 64 queries, with one more embedding at the end.
/// Source: X-PLUG/mPLUG-Owl, mPLUG-Owl/mplug_owl/modeling_mplug_owl.py and configuration_mplug_owl.py; arXiv 2304.14178.
/// </summary>
/// <param name="Tower">The tower.</param>
/// <param name="Abstractor">The abstractor.</param>
/// <param name="Outputs">Width of an embedding.</param>
internal sealed record MplugOwlConfig(VisionTransformerConfig Tower, VisualAbstractorConfig Abstractor, int Outputs)
{
    /// <summary>The linear layer behind the abstractor.</summary>
    public const string Connector = "mm.0";

    /// <summary>Embeddings of a picture.</summary>
    public int TokenCount => Abstractor.QueryCount + 1;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static MplugOwlConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file) with { KeepsClassToken = true };
        if (!tower.HasClassToken)
            throw new ModelFileException(file.Path, "tensor 'v.class_embd' is missing, which mPLUG-Owl's tower needs.");
        return new MplugOwlConfig(
            tower,
            VisualAbstractorConfig.Read(file, tower.HiddenSize),
            MlpConnectorConfig.OutputCount(file, Connector + ".weight", tower.HiddenSize)
        );
    }
}
