using System.Collections.Concurrent;
using System.Text;
using Tessera.Native;

namespace Tessera.Text;

/// <summary>The tokens of a language model: text to ids and back. Thread-safe; lives as long as its model.</summary>
internal sealed unsafe class Vocabulary(nint vocabulary)
{
    private const int NoToken = -1;
    private readonly ConcurrentDictionary<string, int?> found = new();
    private readonly Lazy<bool[]> asciiTokens = new(() => FindAsciiTokens(vocabulary));
    private TokenBeginnings? beginnings;

    public nint Pointer => vocabulary;

    public int TokenCount { get; } = LibLlama.llama_vocab_n_tokens(vocabulary);

    /// <summary>Whether its pieces all stand apart, also those that are written together, as WordPiece's do.</summary>
    public bool TidiesSpaces { get; } = LibLlama.llama_vocab_type(vocabulary) == LibLlama.LLAMA_VOCAB_TYPE_WPM;

    /// <summary>The token that starts a prompt, or null if the model wants none.</summary>
    public int? StartToken =>
        LibLlama.llama_vocab_get_add_bos(vocabulary) && LibLlama.llama_vocab_bos(vocabulary) is int token and not NoToken ? token : null;

    /// <summary>The token that ends a prompt, or null if the model wants none; encoders' prompts have one.</summary>
    public int? PromptEndToken =>
        LibLlama.llama_vocab_get_add_eos(vocabulary) && LibLlama.llama_vocab_eos(vocabulary) is int token and not NoToken ? token : null;

    /// <summary>The text of the start token, as chat templates write it; empty if there is none.</summary>
    public string StartText => TextOf(LibLlama.llama_vocab_bos(vocabulary));

    /// <summary>The text of the end token, as chat templates write it; empty if there is none.</summary>
    public string EndText => TextOf(LibLlama.llama_vocab_eos(vocabulary));

    /// <summary>Whether a token ends the answer: end of text, of turn or of message.</summary>
    public bool IsEnd(int token) => LibLlama.llama_vocab_is_eog(vocabulary, token);

    /// <summary>Whether a text's first token is a control token, such as one that ends an answer.</summary>
    public bool StartsWithControl(string text) =>
        Tokenize(text.Length > 64 ? text[..64] : text) is [int first, ..] && LibLlama.llama_vocab_is_control(vocabulary, first);

    /// <summary>Tokenizes a text on its own, without a start token; special tokens in it are recognised.</summary>
    public int[] Tokenize(string text)
    {
        if (text.Length == 0)
            return [];
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        var tokens = new int[bytes.Length + 8];
        int count = Tokenize(bytes, tokens);
        if (count < 0)
        {
            tokens = new int[-count];
            count = Tokenize(bytes, tokens);
        }

        // Some tokenizers of libllama say -1 for what their vocabulary cannot spell.
        if (tokens.AsSpan(0, count).ContainsAnyExceptInRange(0, TokenCount - 1))
            throw new TesseraException("The language model's vocabulary has no tokens for a part of the text.");
        return tokens[..count];
    }

    /// <summary>Whether a text is one token, as special tokens are.</summary>
    public bool Has(string token) => FindControl(token) is not null;

    /// <summary>The token that stands for exactly this text, or null; of several the last, as those for single bytes come first.</summary>
    public int? Find(string text)
    {
        if (found.TryGetValue(text, out int? known))
            return known;
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int? last = null;
        for (int token = 0; token < TokenCount; token++)
        {
            if (Piece(token).SequenceEqual(bytes))
                last = token;
        }

        return found[text] = last;
    }

    /// <summary>Whether a token is text of whole ASCII characters: neither a control token nor part of a longer character.</summary>
    public bool IsAscii(int token) => asciiTokens.Value[token];

    /// <summary>With which characters tokens begin.</summary>
    public TokenBeginnings Beginnings => LazyInitializer.EnsureInitialized(ref beginnings, () => new TokenBeginnings(this));

    /// <summary>The token that prompts spell in this way, or null; control tokens are found too.</summary>
    public int? FindControl(string text) => Tokenize(text) is [int token] ? token : null;

    /// <summary>The bytes of a token; several tokens may make up one character. Control tokens have none unless they are to be
    /// shown.</summary>
    public ReadOnlySpan<byte> Piece(int token, bool showsControl = false)
    {
        var buffer = new byte[64];
        int length = Piece(token, buffer, showsControl);
        if (length < 0)
        {
            buffer = new byte[-length];
            length = Piece(token, buffer, showsControl);
        }

        return buffer.AsSpan(0, length);
    }

    private static bool[] FindAsciiTokens(nint vocabulary)
    {
        var tokens = new Vocabulary(vocabulary);
        return
        [
            .. Enumerable
                .Range(0, tokens.TokenCount)
                .Select(token => !tokens.IsEnd(token) && tokens.Piece(token) is { Length: > 0 } piece && Ascii.IsValid(piece)),
        ];
    }

    private int Tokenize(byte[] text, int[] tokens)
    {
        fixed (byte* source = text)
        fixed (int* target = tokens)
            return LibLlama.llama_tokenize(vocabulary, source, text.Length, target, tokens.Length, add_special: false, parse_special: true);
    }

    private int Piece(int token, byte[] buffer, bool showsControl)
    {
        fixed (byte* target = buffer)
            return LibLlama.llama_token_to_piece(vocabulary, token, target, buffer.Length, 0, special: showsControl);
    }

    private string TextOf(int token) =>
        token == NoToken
            ? ""
            : System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)LibLlama.llama_vocab_get_text(vocabulary, token)) ?? "";
}
