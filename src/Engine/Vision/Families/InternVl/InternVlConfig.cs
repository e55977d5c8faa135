using Tessera.Gguf;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.InternVl;

/// <summary>
/// InternVL 1.5, 2, 2.5 and 3: InternViT-300M or -6B, pixel shuffle, and two linear layers behind a layer norm. Source:
/// OpenGVLab/InternVL, internvl_chat/internvl/model/internvl_chat/modeling_internvl_chat.py; arXiv 2404.16821, 2412.05271, 2504.10479.
/// </summary>
internal sealed record InternVlConfig
{
    // The released configurations' downsample_ratio, one over it (OpenGVLab/InternVL, internvl_chat/shell).
    private const int ReleasedShuffle = 2;
    private const int MaxShuffle = 16;

    // ggml-org/llama.cpp v0.5.0: tools/mtmd/clip-impl.h, TN_MVLM_PROJ_MLP; the second as other families' connectors are named.
    private static readonly string[] ConnectorPrefixes = ["mm.model.mlp", "mm"];

    public required VisionTransformerConfig Tower { get; init; }

    public required TileRule Tiles { get; init; }

    public required PixelShuffle Shuffle { get; init; }

    /// <summary>What the connector's tensors' names begin with.</summary>
    public required string ConnectorPrefix { get; init; }

    /// <summary>Width between the connector's two layers.</summary>
    public required int Inner { get; init; }

    /// <summary>Width of an embedding.</summary>
    public required int Outputs { get; init; }

    /// <summary>Tokens of a tile.</summary>
    public int TileTokens => Shuffle.TokensPerSide(Tower.PatchesPerSide) * Shuffle.TokensPerSide(Tower.PatchesPerSide);

    /// <summary>Width of the features that one token is made of.</summary>
    public int Inputs => Tower.HiddenSize * Shuffle.Factor * Shuffle.Factor;

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static InternVlConfig Read(GgufFile file)
    {
        VisionTransformerConfig tower = InternVit.Read(file);
        int shuffle = ReadShuffle(file);
        if (tower.PatchesPerSide % shuffle != 0)
            throw new ModelFileException(
                file.Path,
                $"clip.vision.projector.scale_factor is {shuffle}, "
                    + $"which does not divide the {tower.PatchesPerSide} patches along a tile's side."
            );
        string prefix = ConnectorPrefixes.FirstOrDefault(name => file.TryGetTensor($"{name}.1.weight", out _)) ?? ConnectorPrefixes[0];
        int inner = MlpConnectorConfig.OutputCount(file, $"{prefix}.1.weight", tower.HiddenSize * shuffle * shuffle);
        return new InternVlConfig
        {
            Tower = tower,
            Tiles = TileRule.Read(file, tower.ImageSize),
            Shuffle = new PixelShuffle(shuffle, ReadTokenOrder(file)),
            ConnectorPrefix = prefix,
            Inner = inner,
            Outputs = MlpConnectorConfig.OutputCount(file, $"{prefix}.3.weight", inner),
        };
    }

    private static int ReadShuffle(GgufFile file)
    {
        const string Key = "clip.vision.projector.scale_factor";
        if (!file.Metadata.ContainsKey(Key))
            return ReleasedShuffle;
        uint value = file.Metadata.RequireUInt32(Key);
        return value is > 0 and <= MaxShuffle
            ? (int)value
            : throw new ModelFileException(file.Path, $"{Key} is {value}, not within 1 to {MaxShuffle}.");
    }

    private static TokenOrder ReadTokenOrder(GgufFile file)
    {
        const string Key = "clip.vision.projector.token_order";
        if (!file.Metadata.TryGetString(Key, out string? order))
            return TokenOrder.Row;
        return order switch
        {
            "row" => TokenOrder.Row,
            "column" => TokenOrder.Column,
            _ => throw new ModelFileException(file.Path, $"{Key} is '{order}', which is not supported; known are row and column."),
        };
    }
}
