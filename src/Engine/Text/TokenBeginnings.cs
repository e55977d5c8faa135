namespace Tessera.Text;

/// <summary>
/// With which ASCII character each token begins, where it is text of whole ASCII characters, and a token of just that character for each.
/// A grammar that refuses the character refuses all tokens that begin with it, so that most of a large vocabulary need not be asked about.
/// </summary>
internal sealed class TokenBeginnings
{
    /// <summary>ASCII characters.</summary>
    public const int CharacterCount = 128;

    /// <summary>The beginning of a token that has to be asked about itself.</summary>
    public const byte Unknown = CharacterCount;

    private readonly byte[] first;
    private readonly int[] single = new int[CharacterCount];

    /// <param name="vocabulary">The tokens.</param>
    public TokenBeginnings(Vocabulary vocabulary)
    {
        first = new byte[vocabulary.TokenCount];
        Array.Fill(first, Unknown);
        Array.Fill(single, -1);
        for (int token = 0; token < first.Length; token++)
        {
            if (!vocabulary.IsAscii(token))
                continue;
            ReadOnlySpan<byte> piece = vocabulary.Piece(token);
            first[token] = piece[0];
            if (piece.Length == 1)
                single[piece[0]] = token;
        }

        // Characters without such a token are not asked about by one.
        for (int token = 0; token < first.Length; token++)
            if (first[token] != Unknown && single[first[token]] < 0)
                first[token] = Unknown;
        Singles = [.. single.Where(static token => token >= 0)];
    }

    /// <summary>The tokens of one character.</summary>
    public IReadOnlyList<int> Singles { get; }

    /// <summary>A token's first character, or <see cref="Unknown"/>.</summary>
    public byte Of(int token) => first[token];
}
