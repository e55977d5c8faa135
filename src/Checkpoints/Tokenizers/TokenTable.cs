using Tessera.Checkpoints.Output;

namespace Tessera.Checkpoints.Tokenizers;

/// <summary>A vocabulary on its way into a file: as many tokens as the embedding has rows, those that no file names as unused.</summary>
internal sealed class TokenTable
{
    private const long MaxCount = 4_000_000;
    private readonly string[] texts;
    private readonly float[] scores;
    private readonly TokenKind[] kinds;

    /// <exception cref="CheckpointException">No vocabulary is so long.</exception>
    public TokenTable(string path, long count)
    {
        if (count is <= 0 or > MaxCount)
            throw new CheckpointException(path, $"a vocabulary of {count} tokens is not possible.");
        texts = new string[count];
        scores = new float[count];
        kinds = new TokenKind[count];
        for (int id = 0; id < count; id++)
            (texts[id], scores[id], kinds[id]) = ($"[PAD{id}]", -10000, TokenKind.Unused);
    }

    public int Count => texts.Length;

    public TokenKind Kind(long id) => kinds[id];

    public string Text(long id) => texts[id];

    /// <summary>Sets a token; one beyond the embedding's rows is left out.</summary>
    public void Set(long id, string text, float score, TokenKind kind)
    {
        if (id >= 0 && id < Count)
            (texts[id], scores[id], kinds[id]) = (text, score, kind);
    }

    /// <summary>Sets the tokens that files add.</summary>
    public void Set(AddedToken token, float score) => Set(token.Id, token.Stored, score, token.Kind);

    /// <summary>Writes the lists.</summary>
    public void Write(Metadata metadata, string model, string preTokenizer, bool withScores)
    {
        metadata.Set("tokenizer.ggml.model", model);
        metadata.Set("tokenizer.ggml.pre", preTokenizer);
        metadata.Set("tokenizer.ggml.tokens", texts);
        if (withScores)
            metadata.Set("tokenizer.ggml.scores", scores);
        metadata.Set("tokenizer.ggml.token_type", Array.ConvertAll(kinds, static kind => (int)kind));
    }
}
