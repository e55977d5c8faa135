using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Glm4v;

/// <summary>
/// GLM-4V-9B: EVA2-CLIP-E, whose norms stand behind attention and feed-forward, a 2 x 2 convolution, a gated connector, and trained
/// embeddings before and behind each picture. Source: THUDM/glm-4v-9b, visual.py and config.json; arXiv 2406.12793, 2311.03079.
/// </summary>
internal sealed record Glm4vConfig
{
    private const string DivisorKey = "clip.vision.projector.output_divisor";

    public required VisionTransformerConfig Tower { get; init; }

    /// <summary>Width inside the connector's gated network.</summary>
    public required int Inner { get; init; }

    /// <summary>Width of an embedding.</summary>
    public required int Outputs { get; init; }

    /// <summary>By what all embeddings are divided.</summary>
    public required float OutputDivisor { get; init; }

    /// <summary>Embeddings that patches become; one more stands on each side.</summary>
    public int PatchTokens => Tower.PatchCount / (Glm4vEncoder.Factor * Glm4vEncoder.Factor);

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static Glm4vConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = VisionTransformerConfig.Read(file) with { NormsFollow = true };
        if (!tower.HasClassToken)
            throw new ModelFileException(file.Path, "tensor 'v.class_embd' is missing, which EVA2-CLIP-E needs.");
        if (tower.PatchesPerSide % Glm4vEncoder.Factor != 0)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.image_size makes {tower.PatchesPerSide} patches along a side, which squares of {Glm4vEncoder.Factor} x "
                    + $"{Glm4vEncoder.Factor} do not cover."
            );
        GatedConnectorNames names = GatedConnectorNames.Adapter;
        int convolved = MlpConnectorConfig.OutputCount(
            file,
            Glm4vEncoder.Convolution + ".weight",
            tower.HiddenSize * Glm4vEncoder.Factor * Glm4vEncoder.Factor
        );
        int width = MlpConnectorConfig.OutputCount(file, names.Project + ".weight", convolved);
        if (width != convolved)
            throw new ModelFileException(
                file.Path,
                $"tensor '{names.Project}.weight' leads from {convolved} to {width} channels, which must be as many."
            );
        return new Glm4vConfig
        {
            Tower = tower,
            Outputs = width,
            Inner = MlpConnectorConfig.OutputCount(file, names.Gate + ".weight", width),
            OutputDivisor = ReadDivisor(file),
        };
    }

    private static float ReadDivisor(GgufFile file)
    {
        // config.json's vision_config.scaling_factor as released.
        const float Released = 8;
        if (!file.Metadata.ContainsKey(DivisorKey))
            return Released;
        float divisor = file.Metadata.RequireSingle(DivisorKey);
        return divisor is >= 1e-3f and <= 1e3f
            ? divisor
            : throw new ModelFileException(file.Path, FormattableString.Invariant($"{DivisorKey} is {divisor}, not within 0.001 to 1000."));
    }
}
