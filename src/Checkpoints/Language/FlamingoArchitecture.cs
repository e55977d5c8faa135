using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Tokenizers;

namespace Tessera.Checkpoints.Language;

/// <summary>A language model of OpenFlamingo's, whose vocabulary has two tokens more than its tokenizer. Source:
/// mlfoundations/open_flamingo, open_flamingo/src/factory.py.</summary>
internal abstract class FlamingoArchitecture : LanguageArchitecture
{
    private static readonly string[] Added = ["<|endofchunk|>", "<image>"];

    /// <summary>Rows of the table of tokens.</summary>
    public long TokenCount { get; set; }

    /// <summary>The vocabulary with the tokens that the authors add behind the tokenizer's; an answer ends with the end of its
    /// chunk.</summary>
    public sealed override void SetVocabulary(Metadata metadata, CheckpointFolder folder, Settings config)
    {
        long end = -1;
        Vocabulary.Set(
            metadata,
            folder,
            config,
            new VocabularyOptions
            {
                Size = TokenCount,
                Change = table =>
                {
                    long next = 0;
                    for (long id = 0; id < table.Count; id++)
                        if (table.Kind(id) != TokenKind.Unused)
                            next = id + 1;
                    foreach (string text in Added)
                    {
                        long known = Find(table, text) ?? next++;
                        if (known >= table.Count)
                            throw new CheckpointException(folder.FullPath, $"its tables of tokens have no row for {text}.");
                        table.Set(known, text, 0, TokenKind.Control);
                        end = text == Added[0] ? known : end;
                    }
                },
            }
        );
        metadata.Set("tokenizer.ggml.eot_token_id", end);
        metadata.Set("tokenizer.ggml.add_bos_token", false);
    }

    private static long? Find(TokenTable table, string text)
    {
        for (long id = 0; id < table.Count; id++)
            if (table.Kind(id) != TokenKind.Unused && table.Text(id) == text)
                return id;
        return null;
    }
}
