namespace Tessera.Checkpoints.Tokenizers;

/// <summary>The pieces of a WordPiece tokenizer in the order of their ids, as its files spell them.</summary>
internal static class WordPieces
{
    private const long MostPieces = 1 << 20;

    /// <summary>Reads tokenizer.json, or vocab.txt with added_tokens.json.</summary>
    /// <param name="folder">The tokenizer's folder.</param>
    /// <param name="size">Rows of the table that they stand for.</param>
    /// <exception cref="CheckpointException">There is none, or it is of another kind or size.</exception>
    public static string[] Read(CheckpointFolder folder, long size)
    {
        IEnumerable<(string Text, long Id)> entries =
            folder.TryReadSettings("tokenizer.json") is Settings tokenizer ? FromJson(tokenizer)
            : folder.TryReadText("vocab.txt") is string lines ? FromLines(folder, lines)
            : throw new CheckpointException(folder.FullPath, "there is no tokenizer in it: neither tokenizer.json nor vocab.txt.");
        var byId = new Dictionary<long, string>();
        foreach ((string text, long id) in entries)
            byId[id] = id < Math.Min(size, MostPieces) ? text : throw TooMany(folder, text, id, size);
        return [.. Enumerable.Range(0, byId.Count).Select(id => byId.GetValueOrDefault(id) ?? throw Missing(folder, id))];
    }

    private static IEnumerable<(string Text, long Id)> FromJson(Settings tokenizer)
    {
        Settings model = tokenizer.Child("model") ?? throw tokenizer.Wrong("model", "there");
        if (model.TryText("type") is not (null or "WordPiece") || !model.Has("continuing_subword_prefix"))
            throw new CheckpointException(tokenizer.Path, "it is no WordPiece tokenizer, which the vision side reads texts with.");
        return Vocabulary
            .Entries(model.Child("vocab") ?? throw model.Wrong("vocab", "there"))
            .Concat(TokenizerFiles.AddedTokens(tokenizer).Select(static token => (token.Text, token.Id)));
    }

    private static IEnumerable<(string Text, long Id)> FromLines(CheckpointFolder folder, string lines) =>
        lines
            .Split('\n')
            .Select(static (line, id) => (Text: line.TrimEnd('\r'), Id: (long)id))
            .Where(static entry => entry.Text.Length > 0)
            .Concat(TokenizerFiles.AddedTexts(folder));

    private static CheckpointException TooMany(CheckpointFolder folder, string text, long id, long size) =>
        new(folder.FullPath, $"its piece '{CheckpointFolder.Shown(text)}' has the number {id}, but the table has {size} rows for pieces.");

    private static CheckpointException Missing(CheckpointFolder folder, int id) =>
        new(folder.FullPath, $"it has no piece of the number {id}.");
}
