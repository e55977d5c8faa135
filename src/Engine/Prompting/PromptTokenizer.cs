using Tessera.Text;

namespace Tessera.Prompting;

/// <summary>
/// Turns the pieces of a prompt into runs of tokens and spans of embeddings. Each text between pictures is tokenized on its own, and
/// the start token is written once (haotian-liu/LLaVA: llava/mm_utils.py, tokenizer_image_token).
/// </summary>
internal static class PromptTokenizer
{
    public static PromptLayout Tokenize(IReadOnlyList<PromptPiece> pieces, Vocabulary vocabulary)
    {
        var spans = new List<PromptSpan>();
        var run = new List<int>();
        if (vocabulary.StartToken is int start)
            run.Add(start);
        for (int index = 0; index < pieces.Count; index++)
        {
            switch (pieces[index])
            {
                case PromptPiece.Token(string text):
                    run.AddRange(vocabulary.Find(text) is int token ? [token] : vocabulary.Tokenize(text));
                    break;
                case PromptPiece.Written(string text):
                    run.AddRange(vocabulary.Tokenize(index == 0 ? WithoutStartText(text, vocabulary) : text));
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

        CloseRun(spans, run);
        return new PromptLayout(spans);
    }

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
