using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>The dimensions of QLLaMA, most of which its tensors tell.</summary>
internal sealed record QueryLlamaConfig
{
    public const string QueryTensor = "qllama.query";
    private const string Prefix = "qllama";
    private const string HeadCountKey = "clip.qllama.attention.head_count";
    private const string EpsilonKey = "clip.qllama.attention.layer_norm_rms_epsilon";

    /// <summary>Width of a feature.</summary>
    public required int Inputs { get; init; }

    /// <summary>Width of a query.</summary>
    public required int Width { get; init; }

    /// <summary>Width inside the feed-forward networks.</summary>
    public required int FeedForward { get; init; }

    /// <summary>Rows that it makes of a slice.</summary>
    public required int QueryCount { get; init; }

    public required int HeadCount { get; init; }

    public required float NormEpsilon { get; init; }

    /// <summary>For each block, whether its queries look at the features too.</summary>
    public required IReadOnlyList<bool> LooksAtFeatures { get; init; }

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static QueryLlamaConfig Read(GgufFile file, int featureWidth)
    {
        var tensors = new QueryTensors(file, Prefix, "QLLaMA");
        (int width, int queryCount) = tensors.ReadQueries();
        IReadOnlyList<bool> looks = tensors.ReadLooks();
        return new QueryLlamaConfig
        {
            Inputs = featureWidth,
            Width = width,
            FeedForward = MlpConnectorConfig.OutputCount(file, "qllama.blk.0.ffn_up.weight", width),
            QueryCount = queryCount,
            HeadCount = ReadHeadCount(file, width),
            NormEpsilon = tensors.Epsilon(EpsilonKey, file.Metadata.RequireSingle(EpsilonKey)),
            LooksAtFeatures = looks,
        };
    }

    // Rotary positions take the two halves of a head.
    private static int ReadHeadCount(GgufFile file, int width)
    {
        uint heads = file.Metadata.RequireUInt32(HeadCountKey);
        return heads > 0 && heads <= width && width % heads == 0 && width / heads % 2 == 0
            ? (int)heads
            : throw new ModelFileException(
                file.Path,
                $"{HeadCountKey} is {heads}, which does not divide QLLaMA's width, {width}, into heads of even width."
            );
    }
}
