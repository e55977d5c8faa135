using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.MplugOwl;

/// <summary>
/// mPLUG-Owl 1 and 2: a CLIP tower with its class token and last norm, and a visual abstractor of 64 queries, with one more embedding at
/// the end. In 2 its queries and keys have positions. Source: X-PLUG/mPLUG-Owl, mPLUG-Owl/mplug_owl/modeling_mplug_owl.py and
/// configuration_mplug_owl.py, arXiv 2304.14178; mPLUG-Owl2/mplug_owl2/model/visual_encoder.py and configuration_mplug_owl2.py, arXiv
/// 2311.04257.
/// </summary>
/// <param name="Tower">The tower.</param>
/// <param name="Abstractor">The abstractor.</param>
/// <param name="Outputs">Width of an embedding.</param>
/// <param name="AspectRatio">How pictures are made square.</param>
internal sealed record MplugOwlConfig(
    VisionTransformerConfig Tower,
    VisualAbstractorConfig Abstractor,
    int Outputs,
    AspectRatioRule AspectRatio
)
{
    /// <summary>The linear layer behind the abstractor.</summary>
    public const string Connector = "mm.0";

    /// <summary>Embeddings of a picture.</summary>
    public int TokenCount => Abstractor.QueryCount + 1;

    /// <summary>Reads mPLUG-Owl 1's.</summary>
    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static MplugOwlConfig Read(GgufFile file) => Read(file, "mPLUG-Owl", AspectRatioRule.Stretch);

    /// <summary>Reads mPLUG-Owl2's.</summary>
    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static MplugOwlConfig ReadSecond(GgufFile file)
    {
        MplugOwlConfig config = Read(file, "mPLUG-Owl2", AspectRatioRule.StretchFirst);
        return config with { Abstractor = config.Abstractor with { PlacedSide = config.Tower.PatchesPerSide } };
    }

    private static MplugOwlConfig Read(GgufFile file, string name, AspectRatioRule aspectRatio)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file) with { KeepsClassToken = true };
        if (!tower.HasClassToken)
            throw new ModelFileException(file.Path, $"tensor 'v.class_embd' is missing, which {name}'s tower needs.");
        return new MplugOwlConfig(
            tower,
            VisualAbstractorConfig.Read(file, tower.HiddenSize),
            MlpConnectorConfig.OutputCount(file, Connector + ".weight", tower.HiddenSize),
            aspectRatio
        );
    }
}
