using System.Text;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>
/// Byte-level BPE as libllama's vocabulary "gpt2". Source of the rules: ggml-org/llama.cpp v0.5.0, conversion/base.py: get_vocab_base.
/// </summary>
internal static class BytePairVocabulary
{
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
            table.Set(Within(tokenizer.Path, id, size), text, 0, TokenKind.Normal);
        foreach (AddedToken token in TokenizerFiles.AddedTokens(tokenizer).Concat(TokenizerFiles.DecoderTokens(folder)))
            table.Set(token with { Id = Within(tokenizer.Path, token.Id, size) }, 0);
        Write(metadata, folder, config, table, Vocabulary.Merges(model), options.PreTokenizer ?? PreTokenizers.NameOf(tokenizer), options);
    }

    /// <summary>From vocab.json and merges.txt.</summary>
    public static void SetFromMerges(Metadata metadata, CheckpointFolder folder, Settings config, long size, VocabularyOptions options)
    {
        Settings vocabulary = folder.ReadSettings("vocab.json");
        var table = new TokenTable(vocabulary.Path, size);
        foreach ((string text, long id) in Vocabulary.Entries(vocabulary))
            table.Set(Within(vocabulary.Path, id, size), text, 0, TokenKind.Normal);
        foreach ((string text, long id) in TokenizerFiles.AddedTexts(folder))
            table.Set(new AddedToken(id, text, IsSpecial: false), 0);
        foreach (AddedToken token in TokenizerFiles.DecoderTokens(folder))
            table.Set(token, 0);
        string name =
            options.PreTokenizer
            ?? PreTokenizers.NameOf(folder, folder.TryReadSettings("tokenizer_config.json")?.TryText("tokenizer_class"));
        Write(metadata, folder, config, table, ReadMerges(folder), name, options);
    }

    /// <summary>Writes tokens and merges.</summary>
    public static void Write(
        Metadata metadata,
        CheckpointFolder folder,
        Settings config,
        TokenTable table,
        IEnumerable<(string Left, string Right)> merges,
        string preTokenizer,
        VocabularyOptions options
    )
    {
        options.Change?.Invoke(table);
        table.Write(metadata, "gpt2", preTokenizer, withScores: false);
        // A space inside a part would read as the one between the parts.
        string[] joined = [.. merges.Select(static merge => $"{merge.Left.Replace(' ', 'Ġ')} {merge.Right.Replace(' ', 'Ġ')}")];
        if (joined.Length > 0)
            metadata.Set("tokenizer.ggml.merges", joined);
        Vocabulary.SetSpecials(metadata, folder, config, table, options);
    }

    private static long Within(string path, long id, long size) =>
        id < size ? id : throw new CheckpointException(path, $"it has a token {id}, but config.json's vocab_size is {size}.");

    private static List<(string Left, string Right)> ReadMerges(CheckpointFolder folder)
    {
        var merges = new List<(string Left, string Right)>();
        using var reader = new StringReader(folder.TryReadText("merges.txt")!);
        for (int number = 1; reader.ReadLine() is string line; number++)
        {
            if ((number == 1 && line.StartsWith('#')) || line.Trim().Length == 0)
                continue;
            string[] parts = line.Trim().Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length != 2)
                throw new CheckpointException(folder.PathOf("merges.txt"), $"line {number} is no pair of tokens.");
            merges.Add((parts[0], parts[1]));
        }

        return merges;
    }

    /// <summary>Bytes as GPT-2's printable letters (openai/gpt-2, src/encoder.py: bytes_to_unicode).</summary>
    public static string Printable(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        foreach (byte value in bytes)
            text.Append(Letters[value]);
        return text.ToString();
    }

    private static readonly char[] Letters = MakeLetters();

    private static char[] MakeLetters()
    {
        char[] letters = new char[256];
        int next = 256;
        for (int value = 0; value < 256; value++)
            letters[value] = value is >= 33 and <= 126 or >= 161 and <= 172 or >= 174 and <= 255 ? (char)value : (char)next++;
        return letters;
    }
}
