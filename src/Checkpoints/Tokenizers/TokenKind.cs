namespace Tessera.Checkpoints.Tokenizers;

/// <summary>What a token is, as <c>tokenizer.ggml.token_type</c> numbers it (ggml-org/llama.cpp v0.5.0,
/// gguf-py/gguf/constants.py).</summary>
internal enum TokenKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>A token that a tokenizer's files add to the vocabulary.</summary>
internal readonly record struct AddedToken(long Id, string Text, bool IsSpecial)
{
    /// <summary>
    /// Whether it stands for something that is no text. Some files do not mark such tokens as special; these forms tell
    /// (ggml-org/llama.cpp v0.5.0, conversion/base.py: does_token_look_special).
    /// </summary>
    public bool IsControl =>
        IsSpecial
        || Text is "<pad>" or "<mask>" or "<2mass>" or "[@BOS@]"
        || (Text.StartsWith("<|", StringComparison.Ordinal) && Text.EndsWith("|>", StringComparison.Ordinal))
        || (Text.StartsWith("<｜", StringComparison.Ordinal) && Text.EndsWith("｜>", StringComparison.Ordinal))
        || (Text.StartsWith("<unused", StringComparison.Ordinal) && Text.EndsWith('>'));

    public TokenKind Kind => IsControl ? TokenKind.Control : TokenKind.UserDefined;

    /// <summary>The text as the vocabulary holds it: what users define has its spaces as spaces.</summary>
    public string Stored => IsControl ? Text : Text.Replace('\u2581', ' ');
}
