using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>The dimensions of a Q-Former, most of which its tensors tell.</summary>
internal sealed record QFormerConfig
{
    private const string Prefix = "qformer";
    private const string HeadCountKey = "clip.qformer.attention.head_count";
    private const string EpsilonKey = "clip.qformer.attention.layer_norm_epsilon";

    // BERT's heads, and torch.nn.LayerNorm's epsilon there (google-bert/bert-base-uncased, config.json).
    private const int HeadSize = 64;
    private const float BertEpsilon = 1e-12f;

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

    /// <summary>Reads what of the instruction; null where it reads none.</summary>
    public required QFormerText? Text { get; init; }

    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static QFormerConfig Read(GgufFile file, int featureWidth)
    {
        var tensors = new QueryTensors(file, Prefix, "Q-Former");
        (int width, int queryCount) = tensors.ReadQueries();
        IReadOnlyList<bool> looks = tensors.ReadLooks();
        return new QFormerConfig
        {
            Inputs = featureWidth,
            Width = width,
            FeedForward = MlpConnectorConfig.OutputCount(file, $"{Prefix}.blk.0.ffn_q_up.weight", width),
            QueryCount = queryCount,
            HeadCount = ReadHeadCount(file, width),
            NormEpsilon = tensors.Epsilon(EpsilonKey, file.Metadata.TryGetSingle(EpsilonKey, out float stored) ? stored : BertEpsilon),
            LooksAtFeatures = looks,
            Text = QFormerText.Read(file, width),
        };
    }

    private static int ReadHeadCount(GgufFile file, int width)
    {
        if (!file.Metadata.TryGetUInt32(HeadCountKey, out uint heads))
            heads = (uint)Math.Max(1, width / HeadSize);
        return heads > 0 && heads <= width && width % heads == 0
            ? (int)heads
            : throw new ModelFileException(
                file.Path,
                $"the Q-Former's width, {width}, is no multiple of its {heads} heads ({HeadCountKey})."
            );
    }
}

/// <summary>How a Q-Former reads an instruction (InstructBLIP).</summary>
/// <param name="Tokenizer">Cuts it into BERT's pieces.</param>
/// <param name="VocabularySize">Rows of the table of pieces.</param>
/// <param name="PositionCount">The most tokens that it reads, [CLS] and [SEP] among them.</param>
internal sealed record QFormerText(WordPieceTokenizer Tokenizer, int VocabularySize, int PositionCount)
{
    /// <summary>The tensor by which a Q-Former that reads is told from one that does not.</summary>
    public const string TokenTensor = "qformer.tok_embd.weight";

    public const string PositionTensor = "qformer.pos_embd.weight";
    private const string TokensKey = "clip.qformer.tokens";
    private const int MaxPositionCount = 1 << 16;

    /// <exception cref="ModelFileException">The vocabulary is missing, or does not fit the tables.</exception>
    public static QFormerText? Read(GgufFile file, int width)
    {
        if (!file.TryGetTensor(TokenTensor, out _))
            return null;
        int vocabularySize = Rows(file, TokenTensor, width),
            positionCount = Rows(file, PositionTensor, width);
        if (!file.Metadata.TryGetStringArray(TokensKey, out string[]? tokens))
            throw new ModelFileException(file.Path, $"{TokensKey} is missing, which its Q-Former reads instructions with.");
        if (tokens.Length > vocabularySize)
            throw new ModelFileException(
                file.Path,
                $"{TokensKey} holds {tokens.Length} pieces, more than the {vocabularySize} rows of tensor '{TokenTensor}'."
            );
        if (positionCount > MaxPositionCount)
            throw new ModelFileException(file.Path, $"tensor '{PositionTensor}' has {positionCount} rows, more than {MaxPositionCount}.");
        WordPieceTokenizer tokenizer =
            WordPieceTokenizer.Of(tokens)
            ?? throw new ModelFileException(file.Path, $"{TokensKey} lacks [UNK], [CLS] or [SEP], without which no instruction is read.");
        return new QFormerText(tokenizer, vocabularySize, positionCount);
    }

    private static int Rows(GgufFile file, string name, int width)
    {
        if (!file.TryGetTensor(name, out GgufTensor? tensor))
            throw new ModelFileException(file.Path, $"tensor '{name}' is missing.");
        return tensor.Shape.Length == 2 && tensor.Shape[0] == width && tensor.Shape[1] is > 0 and <= int.MaxValue
            ? (int)tensor.Shape[1]
            : throw new ModelFileException(
                file.Path,
                $"tensor '{name}' has shape {string.Join(" x ", tensor.Shape)}; its rows must be {width} wide, as the queries."
            );
    }
}
