using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip;

/// <summary>BLIP's text encoder: BERT, whose blocks look at the picture.</summary>
internal sealed record BlipTextConfig
{
    /// <summary>The tensor by which a file with a text encoder is told from one without.</summary>
    public const string TokenTensor = "t.token_embd.weight";

    public const string PositionTensor = "t.position_embd.weight";
    private const string TokensKey = "clip.text.tokens",
        HeadCountKey = "clip.text.attention.head_count",
        EpsilonKey = "clip.text.attention.layer_norm_epsilon",
        StartKey = "clip.text.start_token_id";
    private const int MaxBlockCount = 128,
        MaxWidth = 1 << 14,
        MaxRows = 1 << 20;

    // google-bert/bert-base-uncased, config.json, as in salesforce/LAVIS, lavis/configs/models/med_config.json.
    private const float BertEpsilon = 1e-12f;

    /// <summary>Width of a token.</summary>
    public required int Width { get; init; }

    /// <summary>Width of a feature.</summary>
    public required int Inputs { get; init; }

    /// <summary>Width inside the feed-forward networks.</summary>
    public required int FeedForward { get; init; }

    public required int HeadCount { get; init; }

    public required float NormEpsilon { get; init; }

    public required int BlockCount { get; init; }

    /// <summary>Rows of the table of pieces.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The most tokens that it reads, [CLS] and [SEP] among them.</summary>
    public required int PositionCount { get; init; }

    /// <summary>Cuts texts into BERT's pieces.</summary>
    public required WordPieceTokenizer Tokenizer { get; init; }

    /// <summary>What stands in the place of [CLS] where a text is read with the picture; null for [CLS] itself.</summary>
    public required int? StartToken { get; init; }

    /// <summary>The tokens of a text that is read with the picture.</summary>
    public int[] TokensBesidePicture(string text)
    {
        int[] tokens = Tokens(text);
        if (StartToken is int start)
            tokens[0] = start;
        return tokens;
    }

    /// <summary>The tokens of a text.</summary>
    /// <exception cref="InstructionTooLongException">There are more than positions.</exception>
    public int[] Tokens(string text)
    {
        int[] tokens = Tokenizer.Tokenize(text);
        return tokens.Length <= PositionCount ? tokens : throw new InstructionTooLongException(tokens.Length, PositionCount);
    }

    /// <summary>Null where the file has no text encoder.</summary>
    /// <param name="file">The file.</param>
    /// <param name="featureWidth">Width of the tower's features.</param>
    /// <param name="preprocessing">The authors put [ENC] in the place of [CLS] (salesforce/LAVIS, lavis/models/blip_models/blip_vqa.py),
    /// transformers does not.</param>
    /// <exception cref="ModelFileException">A key or tensor is missing, or its value cannot be.</exception>
    public static BlipTextConfig? Read(GgufFile file, int featureWidth, Preprocessing preprocessing)
    {
        if (!file.TryGetTensor(TokenTensor, out GgufTensor? table))
            return null;
        int width = table.Shape.Length == 2 && table.Shape[0] is > 0 and <= MaxWidth ? (int)table.Shape[0] : throw Wrong(file, TokenTensor);
        int blockCount = 0;
        while (blockCount < MaxBlockCount && file.TryGetTensor($"t.blk.{blockCount}.attn_q.weight", out _))
            blockCount++;
        if (blockCount == 0)
            throw new ModelFileException(file.Path, "tensor 't.blk.0.attn_q.weight' is missing, so it holds no text encoder.");
        uint heads = file.Metadata.RequireUInt32(HeadCountKey);
        if (heads == 0 || width % heads != 0)
            throw new ModelFileException(file.Path, $"{HeadCountKey} is {heads}, which does not divide the text encoder's width, {width}.");
        float epsilon = file.Metadata.TryGetSingle(EpsilonKey, out float stored) ? stored : BertEpsilon;
        if (!(epsilon is >= 0 and < 1))
            throw new ModelFileException(file.Path, $"{EpsilonKey} is {epsilon}, not a small number.");
        int vocabularySize = Rows(file, TokenTensor, width);
        return new BlipTextConfig
        {
            Width = width,
            Inputs = featureWidth,
            FeedForward = Rows(file, "t.blk.0.ffn_up.weight", width),
            HeadCount = (int)heads,
            NormEpsilon = epsilon,
            BlockCount = blockCount,
            VocabularySize = vocabularySize,
            PositionCount = Rows(file, PositionTensor, width),
            Tokenizer = ReadTokenizer(file, vocabularySize),
            StartToken = preprocessing == Preprocessing.Transformers ? null : ReadStart(file, vocabularySize),
        };
    }

    private static WordPieceTokenizer ReadTokenizer(GgufFile file, int vocabularySize)
    {
        if (!file.Metadata.TryGetStringArray(TokensKey, out string[]? tokens))
            throw new ModelFileException(file.Path, $"{TokensKey} is missing, which its text encoder reads with.");
        if (tokens.Length > vocabularySize)
            throw new ModelFileException(
                file.Path,
                $"{TokensKey} holds {tokens.Length} pieces, more than the {vocabularySize} rows of tensor '{TokenTensor}'."
            );
        return WordPieceTokenizer.Of(tokens)
            ?? throw new ModelFileException(file.Path, $"{TokensKey} lacks [UNK], [CLS] or [SEP], without which no text is read.");
    }

    private static int? ReadStart(GgufFile file, int vocabularySize)
    {
        if (!file.Metadata.TryGetUInt32(StartKey, out uint start))
            return null;
        return start < vocabularySize
            ? (int)start
            : throw new ModelFileException(file.Path, $"{StartKey} is {start}, but tensor '{TokenTensor}' has {vocabularySize} rows.");
    }

    private static int Rows(GgufFile file, string name, int width) =>
        file.TryGetTensor(name, out GgufTensor? tensor)
        && tensor.Shape.Length == 2
        && tensor.Shape[0] == width
        && tensor.Shape[1] is > 0 and <= MaxRows
            ? (int)tensor.Shape[1]
            : throw Wrong(file, name);

    private static ModelFileException Wrong(GgufFile file, string name) =>
        new(file.Path, $"tensor '{name}' is missing, or is no matrix of the text encoder's width.");
}
