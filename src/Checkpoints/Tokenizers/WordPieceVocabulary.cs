using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>
/// BERT's WordPiece as libllama's vocabulary "bert": what begins a word is marked, what goes on is not. Source: ggml-org/llama.cpp v0.5.0,
/// conversion/bert.py.
/// </summary>
internal static class WordPieceVocabulary
{
    private const string Continuation = "##";

    /// <summary>From tokenizer.json.</summary>
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
        var table = new TokenTable(tokenizer.Path, size);
        foreach ((string text, long id) in Vocabulary.Entries(model.Child("vocab") ?? throw model.Wrong("vocab", "there")))
            table.Set(id, Marked(text), 0, TokenKind.Normal);
        foreach (AddedToken token in TokenizerFiles.AddedTokens(tokenizer))
            table.Set(token.Id, token.Text, 0, token.Kind);
        Write(metadata, folder, config, table, options);
    }

    /// <summary>From vocab.txt, a token a line.</summary>
    public static void SetFromText(Metadata metadata, CheckpointFolder folder, Settings config, long size, VocabularyOptions options)
    {
        var table = new TokenTable(folder.FullPath, size);
        using var reader = new StringReader(folder.TryReadText("vocab.txt")!);
        for (long id = 0; reader.ReadLine() is string line; id++)
        {
            bool isSpecial = line is "[PAD]" or "[UNK]" or "[CLS]" or "[SEP]" or "[MASK]";
            table.Set(id, isSpecial ? line : Marked(line), 0, isSpecial ? TokenKind.Control : TokenKind.Normal);
        }

        Write(metadata, folder, config, table, options);
    }

    private static void Write(Metadata metadata, CheckpointFolder folder, Settings config, TokenTable table, VocabularyOptions options)
    {
        options.Change?.Invoke(table);
        metadata.Set("tokenizer.ggml.token_type_count", config.TryCount("type_vocab_size") ?? 1);
        table.Write(metadata, "bert", "jina-v2-en", withScores: false);
        Vocabulary.SetSpecials(metadata, folder, config, table, options);
    }

    private static string Marked(string text) =>
        text.StartsWith(Continuation, StringComparison.Ordinal) ? text[Continuation.Length..] : "\u2581" + text;
}
