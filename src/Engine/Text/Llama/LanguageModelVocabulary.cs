using System.Globalization;
using Tessera.Gguf;

namespace Tessera.Text.Llama;

/// <summary>What libllama takes for granted about a vocabulary (v0.5.0: src/llama-vocab.cpp).</summary>
internal static class LanguageModelVocabulary
{
    private const string Tokens = "tokenizer.ggml.tokens";

    // The tokenizers of models that generate text with libllama; bert belongs to encoders, and it aborts where there is none.
    private static readonly string[] Tokenizers = ["llama", "gpt2", "gemma4", "plamo2", "t5", "rwkv", "whitespace", "hybriddna"];
    private const string WordPiece = "bert";

    // Those that run as graphs of our own, of whose files it reads the vocabulary alone.
    private static readonly string[] WithWordPiece = ["blip", "blip-vqa"];
    private const int ByteToken = 6; // LLAMA_TOKEN_TYPE_BYTE

    /// <exception cref="ModelFileException">There is no vocabulary, or it lacks what tokenizing needs.</exception>
    public static void Check(GgufFile file)
    {
        if (!file.Metadata.TryGetStringArray(Tokens, out string[]? tokens) || tokens.Length == 0)
            throw new ModelFileException(file.Path, $"{Tokens} is missing, so it has no vocabulary.");
        string tokenizer = file.Metadata.RequireString("tokenizer.ggml.model");
        bool isWordPiece = tokenizer == WordPiece && WithWordPiece.Contains(file.Metadata.RequireString("general.architecture"));
        if (!isWordPiece && !Tokenizers.Contains(tokenizer))
            throw new ModelFileException(
                file.Path,
                $"tokenizer.ggml.model is {GgufText.Quote(tokenizer)}, which is not supported; supported are "
                    + $"{string.Join(", ", Tokenizers)}."
            );
        HashSet<string> known = RequireDistinct(file, tokens);
        if (tokenizer is "llama" or "plamo2")
            RequireBytes(file, known);
        // What byte a token of WordPiece's stands for is asked with an assertion.
        if (isWordPiece && file.Metadata.TryGetInt32Array("tokenizer.ggml.token_type", out int[]? types) && types.Contains(ByteToken))
            throw LanguageModelFile.Damaged(file, "tokenizer.ggml.token_type names a byte, which a WordPiece vocabulary has not");
    }

    private static HashSet<string> RequireDistinct(GgufFile file, string[] tokens)
    {
        var known = new HashSet<string>(tokens.Length, StringComparer.Ordinal);
        for (int index = 0; index < tokens.Length; index++)
        {
            // libllama reads to the first NUL, and gives nameless tokens a name of their own.
            string token = tokens[index];
            if (token.IndexOf('\0', StringComparison.Ordinal) is >= 0 and int end)
                token = token[..end];
            if (token.Length == 0)
                token = $"[EMPTY_{index.ToString(CultureInfo.InvariantCulture)}]";
            if (!known.Add(token))
                throw LanguageModelFile.Damaged(file, $"{Tokens} holds {GgufText.Quote(token)} twice");
        }

        return known;
    }

    // A character without a token is spelled in bytes, and a byte without a token ends the process.
    private static void RequireBytes(GgufFile file, HashSet<string> known)
    {
        for (int value = 1; value <= 0xF4; value++)
        {
            if (value is 0xC0 or 0xC1)
                continue; // never in UTF-8
            string name = $"<0x{value:X2}>";
            if (!known.Contains(name) && !(value < 0x80 && known.Contains(((char)value).ToString())))
                throw LanguageModelFile.Damaged(file, $"{Tokens} lacks the byte {name}");
        }
    }
}
