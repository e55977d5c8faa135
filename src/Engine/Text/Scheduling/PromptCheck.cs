namespace Tessera.Text.Scheduling;

/// <summary>What a prompt must be before a language computes it: short enough, of its tokens, and readable by its encoder at
/// once.</summary>
/// <param name="language">The language.</param>
/// <param name="contextLength">Positions of one answer with its prompt.</param>
/// <param name="takesRowsBesideTokens">Whether tokens can be looked up, so that one batch holds them beside embeddings.</param>
internal sealed class PromptCheck(ILanguage language, int contextLength, bool takesRowsBesideTokens)
{
    /// <summary>Looks at a prompt.</summary>
    /// <param name="rows">The prompt.</param>
    /// <param name="beamCount">How many times it is read.</param>
    /// <exception cref="PromptTooLongException">It does not fit.</exception>
    /// <exception cref="TesseraException">A token is none of the vocabulary's, or embeddings cannot stand beside tokens.</exception>
    public void Require(PromptRows rows, int beamCount = 1)
    {
        int mostRows = contextLength - 1;
        if (beamCount > 1 && language.HasEncoder)
            mostRows = Math.Min(mostRows, language.BatchSize / beamCount);
        if (rows.Count > mostRows)
            throw new PromptTooLongException(rows.Count, mostRows + 1);
        RequireTokens(rows);
        if (language.HasEncoder)
            RequireOneBatch(rows);
    }

    private void RequireTokens(PromptRows rows)
    {
        for (int row = 0; row < rows.Count; row++)
        {
            if (rows.IsTokenAt(row) && (uint)rows.TokenAt(row) >= language.Vocabulary.TokenCount)
                throw new TesseraException(
                    $"{language.ModelPath}: there is no token {rows.TokenAt(row)} in its vocabulary of "
                        + $"{language.Vocabulary.TokenCount}."
                );
        }
    }

    // An encoder reads the prompt at once, and libllama takes tokens or embeddings in a batch, not both.
    private void RequireOneBatch(PromptRows rows)
    {
        if (!takesRowsBesideTokens && rows.EmbeddingCount is > 0 and int count && count < rows.Count)
            throw new TesseraException(
                $"{language.ModelPath}: its token embeddings cannot be read from the file, so that no picture can stand beside text: "
                    + "give a file that is not split, with token embeddings of a common type."
            );
    }
}
