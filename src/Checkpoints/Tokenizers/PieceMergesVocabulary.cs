using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>
/// A SentencePiece tokenizer that was released as tokenizer.json only: merges instead of scores, bytes as "&lt;0x41&gt;". libllama's
/// vocabulary "llama" merges by score, so a piece's score follows from the rank of its merge. (llama.cpp's converter gives all the same
/// score, with which libllama merges from the left.)
/// </summary>
internal static class PieceMergesVocabulary
{
    private const float AddedScore = -1000;

    public static void Set(
        Metadata metadata,
        CheckpointFolder folder,
        Settings config,
        Settings tokenizer,
        long size,
        VocabularyOptions options
    )
    {
        Settings model = tokenizer.Child("model")!;
        var ranks = new Dictionary<string, int>(StringComparer.Ordinal);
        int rank = 0;
        foreach ((string left, string right) in Vocabulary.Merges(model))
            ranks.TryAdd(left + right, rank++);
        string? unknown = model.TryText("unk_token");
        var table = new TokenTable(tokenizer.Path, size);
        foreach ((string text, long id) in Vocabulary.Entries(model.Child("vocab") ?? throw model.Wrong("vocab", "there")))
        {
            bool isByte = text.Length == 6 && text.StartsWith("<0x", StringComparison.Ordinal) && text[5] == '>';
            TokenKind kind =
                isByte ? TokenKind.Byte
                : text == unknown ? TokenKind.Unknown
                : TokenKind.Normal;
            // Single characters are no merge's result; their score is never compared.
            table.Set(id, text, isByte || text == unknown ? 0 : -(float)ranks.GetValueOrDefault(text, rank), kind);
        }

        foreach (AddedToken token in TokenizerFiles.AddedTokens(tokenizer).Where(token => token.Text != unknown))
            table.Set(token, AddedScore);
        options.Change?.Invoke(table);
        table.Write(metadata, "llama", options.PreTokenizer ?? "default", withScores: true);
        if (AddsNoSpace(tokenizer))
            metadata.Set("tokenizer.ggml.add_space_prefix", false);
        Vocabulary.SetSpecials(metadata, folder, config, table, options);
    }

    // The space before a text is a step of the normalizer or of the pre-tokenizer.
    private static bool AddsNoSpace(Settings tokenizer) =>
        tokenizer.Child("pre_tokenizer")?.TryText("prepend_scheme") is string scheme
            ? scheme == "never"
            : !(tokenizer.Child("normalizer")?.Root.GetRawText().Contains("\"Prepend\"", StringComparison.Ordinal) ?? false);
}
