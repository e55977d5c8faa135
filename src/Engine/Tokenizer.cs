using System.Text;
using Tessera.Text;

namespace Tessera;

/// <summary>Text to tokens and back, as a loaded model has them. Thread-safe, while the model lives.</summary>
public sealed class Tokenizer
{
    private readonly ILanguageModel language;

    internal Tokenizer(ILanguageModel language) => this.language = language;

    /// <summary>Tokens of the vocabulary.</summary>
    public int TokenCount => language.Vocabulary.TokenCount;

    /// <summary>How many tokens a text is, without a start token.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public int Count(string text) => Encode(text).Count;

    /// <summary>A text as tokens, without a start token; the texts of special tokens become these.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public IReadOnlyList<int> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        using var hold = language.Hold();
        return language.Vocabulary.Tokenize(text);
    }

    /// <summary>Tokens as text; what is no whole character at the end is left out.</summary>
    /// <param name="tokens">Tokens of the vocabulary.</param>
    /// <param name="showsControl">Whether control tokens, such as the end of a turn, are shown by their text.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is none of the vocabulary's.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public string Decode(IEnumerable<int> tokens, bool showsControl = false)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        using var hold = language.Hold();
        var bytes = new List<byte>();
        foreach (int token in tokens)
        {
            if (token < 0 || token >= TokenCount)
                throw new ArgumentOutOfRangeException(nameof(tokens), token, $"Tokens are 0 to {TokenCount - 1}.");
            bytes.AddRange(language.Vocabulary.Piece(token, showsControl));
        }

        string text = Encoding.UTF8.GetString([.. bytes]).TrimEnd('\ufffd');
        return language.Vocabulary.TidiesSpaces ? TidiedText.Of(text) : text;
    }
}
