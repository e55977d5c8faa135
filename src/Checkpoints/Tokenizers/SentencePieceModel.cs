using Google.Protobuf;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>
/// A SentencePiece model file: the pieces with their scores, and what is done to a text before. Field numbers: google/sentencepiece v0.2,
/// src/sentencepiece_model.proto.
/// </summary>
internal sealed class SentencePieceModel
{
    private const int MaxPieceCount = 4_000_000;

    public readonly record struct Piece(string Text, float Score, TokenKind Kind);

    /// <summary>The pieces; a piece's index is its id.</summary>
    public List<Piece> Pieces { get; } = [];

    /// <summary>Whether words are split by probability (Unigram) and not by merges.</summary>
    public bool IsUnigram { get; private set; } = true;

    public bool AddsSpacePrefix { get; private set; } = true;

    public bool RemovesExtraSpaces { get; private set; } = true;

    /// <summary>The compiled table of normalizations; empty for none.</summary>
    public byte[] CharacterMap { get; private set; } = [];

    /// <exception cref="CheckpointException">The file is damaged.</exception>
    public static SentencePieceModel Read(string path, byte[] bytes)
    {
        var model = new SentencePieceModel();
        try
        {
            var input = new CodedInputStream(bytes);
            for (uint tag; (tag = input.ReadTag()) != 0; )
            {
                switch (tag)
                {
                    case 1 << 3 | 2:
                        model.Pieces.Add(ReadPiece(Nested(input)));
                        break;
                    case 2 << 3 | 2:
                        model.ReadTrainer(Nested(input));
                        break;
                    case 3 << 3 | 2:
                        model.ReadNormalizer(Nested(input));
                        break;
                    default:
                        input.SkipLastField();
                        break;
                }

                if (model.Pieces.Count > MaxPieceCount)
                    throw new CheckpointException(path, $"the tokenizer has more than {MaxPieceCount} pieces.");
            }
        }
        catch (Exception failure) when (failure is InvalidProtocolBufferException or IOException or InvalidOperationException)
        {
            throw new CheckpointException(path, "the file is damaged or no SentencePiece model.", failure);
        }

        return model.Pieces.Count > 0
            ? model
            : throw new CheckpointException(path, "the file is damaged or no SentencePiece model: it has no pieces.");
    }

    private static CodedInputStream Nested(CodedInputStream input) => input.ReadBytes().CreateCodedInput();

    private static Piece ReadPiece(CodedInputStream input)
    {
        string text = "";
        float score = 0;
        var kind = TokenKind.Normal;
        for (uint tag; (tag = input.ReadTag()) != 0; )
        {
            switch (tag)
            {
                case 1 << 3 | 2:
                    text = input.ReadString();
                    break;
                case 2 << 3 | 5:
                    score = input.ReadFloat();
                    break;
                case 3 << 3 | 0:
                    kind = (TokenKind)input.ReadEnum();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        // What a user defined is told from other text by the files beside the model.
        return new Piece(text, score, kind is TokenKind.UserDefined or < TokenKind.Normal or > TokenKind.Byte ? TokenKind.Normal : kind);
    }

    private void ReadTrainer(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0; )
        {
            if (tag == (3 << 3 | 0))
                IsUnigram = input.ReadEnum() == 1;
            else
                input.SkipLastField();
        }
    }

    private void ReadNormalizer(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0; )
        {
            switch (tag)
            {
                case 2 << 3 | 2:
                    CharacterMap = input.ReadBytes().ToByteArray();
                    break;
                case 3 << 3 | 0:
                    AddsSpacePrefix = input.ReadBool();
                    break;
                case 4 << 3 | 0:
                    RemovesExtraSpaces = input.ReadBool();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }
    }
}
