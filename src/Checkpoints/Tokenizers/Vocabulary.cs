using System.Text.Json;
using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>What an architecture wants otherwise than most.</summary>
internal sealed record VocabularyOptions
{
    /// <summary>The pre-tokenizer's name where the architecture has one of its own that cuts words as <see cref="PreTokenizers"/>
    /// tells.</summary>
    public string? PreTokenizer { get; init; }

    /// <summary>The number of tokens where the configuration does not say it as vocab_size.</summary>
    public long? Size { get; init; }

    /// <summary>Changes tokens before they are written.</summary>
    public Action<TokenTable>? Change { get; init; }

    /// <summary>Changes the special tokens before they are written: the tokens, and a way to find an added one.</summary>
    public Action<SpecialTokens, Func<string, long?>>? ChangeSpecials { get; init; }
}

/// <summary>Finds which kind of tokenizer a checkpoint has, and writes it as libllama reads it.</summary>
internal static class Vocabulary
{
    /// <exception cref="CheckpointException">The tokenizer is missing, damaged, or of no kind that is known.</exception>
    public static void Set(Metadata metadata, CheckpointFolder folder, Settings config, VocabularyOptions options)
    {
        long size = options.Size ?? config.Size("vocab_size");
        foreach (string name in (ReadOnlySpan<string>)["tokenizer.model", "spiece.model"])
        {
            if (folder.TryReadBytes(name) is not byte[] bytes)
                continue;
            if (TikTokenVocabulary.IsOne(bytes))
                TikTokenVocabulary.Set(metadata, folder, config, name, size, options);
            else
                SentencePieceVocabulary.Set(metadata, folder, config, SentencePieceModel.Read(folder.PathOf(name), bytes), size, options);
            return;
        }

        if (folder.TryReadSettings("tokenizer.json") is Settings tokenizer)
        {
            SetFromJson(metadata, folder, config, tokenizer, size, options);
            return;
        }

        if (folder.FileNames.FirstOrDefault(static name => name.EndsWith(".tiktoken", StringComparison.Ordinal)) is string ranks)
            TikTokenVocabulary.Set(metadata, folder, config, ranks, size, options);
        else if (folder.Has("vocab.json") && folder.Has("merges.txt"))
            BytePairVocabulary.SetFromMerges(metadata, folder, config, size, options);
        else if (folder.Has("vocab.txt"))
            WordPieceVocabulary.SetFromText(metadata, folder, config, size, options);
        else
            throw new CheckpointException(
                folder.FullPath,
                "there is no tokenizer in it: neither tokenizer.model nor tokenizer.json, vocab.json, *.tiktoken or vocab.txt."
            );
    }

    private static void SetFromJson(
        Metadata metadata,
        CheckpointFolder folder,
        Settings config,
        Settings tokenizer,
        long size,
        VocabularyOptions options
    )
    {
        Settings model = tokenizer.Child("model") ?? throw tokenizer.Wrong("model", "there");
        // Files of before 2021 do not name it.
        string type =
            model.TryText("type")
            ?? (
                model.Has("merges") ? "BPE"
                : model.Has("continuing_subword_prefix") ? "WordPiece"
                : ""
            );
        switch (type)
        {
            case "BPE" when model.TryFlag("byte_fallback") == true:
                PieceMergesVocabulary.Set(metadata, folder, config, tokenizer, size, options);
                break;
            case "BPE":
                BytePairVocabulary.Set(metadata, folder, config, tokenizer, size, options);
                break;
            case "Unigram":
                UnigramVocabulary.Set(metadata, folder, config, tokenizer, size, options);
                break;
            case "WordPiece":
                WordPieceVocabulary.Set(metadata, folder, config, tokenizer, size, options);
                break;
            default:
                throw new CheckpointException(
                    tokenizer.Path,
                    $"its model '{CheckpointFolder.Shown(type)}' is of no kind that is known; BPE, Unigram and WordPiece are."
                );
        }
    }

    /// <summary>Writes the special tokens of a vocabulary.</summary>
    public static void SetSpecials(
        Metadata metadata,
        CheckpointFolder folder,
        Settings config,
        TokenTable table,
        VocabularyOptions options,
        Func<string, long?>? find = null
    )
    {
        var specials = new SpecialTokens(folder, config, table.Count, find ?? (text => Find(table, text)));
        options.ChangeSpecials?.Invoke(specials, text => Find(table, text));
        specials.Write(metadata);
    }

    /// <summary>The text-to-id entries of a JSON vocabulary.</summary>
    public static IEnumerable<(string Text, long Id)> Entries(Settings vocabulary) =>
        vocabulary.Root.EnumerateObject().Select(entry => (entry.Name, TokenizerFiles.IdOf(vocabulary, entry)));

    /// <summary>The pairs of a JSON model's merges, which are one text with a space between or an array of two.</summary>
    public static IEnumerable<(string Left, string Right)> Merges(Settings model)
    {
        if (!model.TryGet("merges", out JsonElement merges) || merges.ValueKind != JsonValueKind.Array)
            throw model.Wrong("merges", "an array");
        foreach (JsonElement merge in merges.EnumerateArray())
        {
            string[] parts =
                merge.ValueKind == JsonValueKind.Array
                    ? [.. merge.EnumerateArray().Select(static part => part.ValueKind == JsonValueKind.String ? part.GetString()! : "")]
                    : (merge.ValueKind == JsonValueKind.String ? merge.GetString()! : "").Split(' ');
            if (parts.Length != 2 || parts[0].Length == 0 || parts[1].Length == 0)
                throw model.Wrong("merges", "an array of pairs");
            yield return (parts[0], parts[1]);
        }
    }

    private static long? Find(TokenTable table, string text)
    {
        for (int id = 0; id < table.Count; id++)
            if (table.Text(id) == text)
                return id;
        return null;
    }
}
