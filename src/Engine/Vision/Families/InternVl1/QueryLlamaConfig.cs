using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>The dimensions of QLLaMA, most of which its tensors tell.</summary>
internal sealed record QueryLlamaConfig
{
    public const string QueryTensor = "qllama.query";
    private const string HeadCountKey = "clip.qllama.attention.head_count";
    private const string EpsilonKey = "clip.qllama.attention.layer_norm_rms_epsilon";
    private const int MaxBlockCount = 256;
    private const int MaxWidth = 1 << 14;
    private const int MaxQueryCount = 4096;

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
        (int width, int queryCount) = ReadQueries(file);
        bool[] looks = [.. Blocks(file)];
        if (looks.Length == 0)
            throw new ModelFileException(file.Path, "tensor 'qllama.blk.0.attn_q.weight' is missing, so it holds no QLLaMA.");
        if (!looks.Contains(true))
            throw new ModelFileException(file.Path, "no block of its QLLaMA has a tensor 'xattn_q.weight', so it would see no picture.");
        return new QueryLlamaConfig
        {
            Inputs = featureWidth,
            Width = width,
            FeedForward = MlpConnectorConfig.OutputCount(file, "qllama.blk.0.ffn_up.weight", width),
            QueryCount = queryCount,
            HeadCount = ReadHeadCount(file, width),
            NormEpsilon = ReadEpsilon(file),
            LooksAtFeatures = looks,
        };
    }

    private static (int Width, int Count) ReadQueries(GgufFile file)
    {
        if (!file.TryGetTensor(QueryTensor, out GgufTensor? query))
            throw new ModelFileException(file.Path, $"tensor '{QueryTensor}' is missing.");
        long width = query.Shape[0],
            count = query.Shape.Length > 1 ? query.Shape[1] : 1;
        return query.ElementCount == width * count && width is > 0 and <= MaxWidth && count is > 0 and <= MaxQueryCount
            ? ((int)width, (int)count)
            : throw new ModelFileException(
                file.Path,
                $"tensor '{QueryTensor}' has shape {string.Join(" x ", query.Shape)}; a width up to {MaxWidth} and up to "
                    + $"{MaxQueryCount} queries are supported."
            );
    }

    private static IEnumerable<bool> Blocks(GgufFile file)
    {
        for (int block = 0; block < MaxBlockCount && file.TryGetTensor($"qllama.blk.{block}.attn_q.weight", out _); block++)
            yield return file.TryGetTensor($"qllama.blk.{block}.xattn_q.weight", out _);
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

    private static float ReadEpsilon(GgufFile file)
    {
        float epsilon = file.Metadata.RequireSingle(EpsilonKey);
        return epsilon is >= 0 and < 1
            ? epsilon
            : throw new ModelFileException(file.Path, $"{EpsilonKey} is {epsilon}, not a small number.");
    }
}
