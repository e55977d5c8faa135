using Tessera.Text;

namespace Tessera.Prompting;

/// <summary>
/// Turns the pieces of a prompt into runs of tokens and spans of embeddings. Each text between pictures is tokenized on its own, and
/// the start token is written once (haotian-liu/LLaVA: llava/mm_utils.py, tokenizer_image_token).
/// </summary>
internal static class PromptTokenizer
{
    /// <summary>Tokenizes a prompt.</summary>
    /// <param name="pieces">The prompt.</param>
    /// <param name="vocabulary">The language model's tokens.</param>
    /// <param name="ends">Where it begins and how it ends.</param>
    public static PromptLayout Tokenize(IReadOnlyList<PromptPiece> pieces, Vocabulary vocabulary, PromptEnds ends = default)
    {
        var spans = new List<PromptSpan>();
        var run = new List<int>();
        int first = ends.StartsBehindRows ? pieces.TakeWhile(StandsAhead).Count() : 0;
        for (int index = 0; index < pieces.Count; index++)
        {
            if (index == first && vocabulary.StartToken is int start)
                run.Add(start);
            switch (pieces[index])
            {
                case PromptPiece.Token(string text):
                    run.AddRange(vocabulary.Find(text) is int token ? [token] : vocabulary.Tokenize(text));
                    break;
                case PromptPiece.Memory(string text, PromptSpan.Memory part):
                    CloseRun(spans, run);
                    spans.Add(part);
                    if (text.Length > 0)
                        run.AddRange(vocabulary.Find(text) is int brings ? [brings] : vocabulary.Tokenize(text));
                    break;
                case PromptPiece.Written(string text):
                    run.AddRange(vocabulary.Tokenize(index == first && !ends.KeepsStartText ? WithoutStartText(text, vocabulary) : text));
                    break;
                case PromptPiece.Answer(IReadOnlyList<int> ids):
                    run.AddRange(ids);
                    break;
                case PromptPiece.Rows rows:
                    CloseRun(spans, run);
                    spans.Add(new PromptSpan.Embeddings(rows.MediaIndex, rows.Start, rows.Count, rows.Places));
                    break;
            }
        }

        if (first == pieces.Count && vocabulary.StartToken is int last)
            run.Add(last);
        if (ends.HasEnd && vocabulary.PromptEndToken is int end)
            run.Add(end);
        CloseRun(spans, run);
        return new PromptLayout(spans);
    }

    private static bool StandsAhead(PromptPiece piece) => piece is PromptPiece.Rows or PromptPiece.Memory { Text.Length: 0 };

    // A chat template often writes the start token itself; it must not come twice.
    private static string WithoutStartText(string text, Vocabulary vocabulary)
    {
        string start = vocabulary.StartText;
        return vocabulary.StartToken is not null && start.Length > 0 && text.StartsWith(start, StringComparison.Ordinal)
            ? text[start.Length..]
            : text;
    }

    private static void CloseRun(List<PromptSpan> spans, List<int> run)
    {
        if (run.Count == 0)
            return;
        spans.Add(new PromptSpan.Tokens([.. run]));
        run.Clear();
    }
}

/// <summary>Where a prompt begins and how it ends.</summary>
/// <param name="StartsBehindRows">Whether the start token stands behind the pictures that it begins with, not before them.</param>
/// <param name="KeepsStartText">Whether a start token that its text begins with stands beside the one that is put there.</param>
/// <param name="HasEnd">Whether it ends with the vocabulary's end token, where that wants it: an encoder's prompts do.</param>
internal readonly record struct PromptEnds(bool StartsBehindRows, bool KeepsStartText, bool HasEnd);
