using Tessera.Models;
using Tessera.Text;

namespace Tessera.Prompting;

/// <summary>
/// Turns the pieces of a prompt into runs of tokens and picture spans. Each text between pictures is tokenized on its own, and the
/// start token is written once (haotian-liu/LLaVA: llava/mm_utils.py, tokenizer_image_token).
/// </summary>
internal static class PromptTokenizer
{
    public static PromptLayout Tokenize(IReadOnlyList<PromptPiece> pieces, FamilyPrompt family, Vocabulary vocabulary)
    {
        var spans = new List<PromptSpan>();
        var run = new List<int>();
        if (vocabulary.StartToken is int start) run.Add(start);
        int imageIndex = 0;
        foreach (PromptPiece piece in pieces)
        {
            if (!piece.IsImage)
            {
                run.AddRange(vocabulary.Tokenize(WithoutStartText(piece.Text!, spans.Count == 0 && run.Count <= 1, vocabulary)));
                continue;
            }

            run.AddRange(vocabulary.Tokenize(family.ImagePrefix));
            CloseRun(spans, run);
            spans.Add(new PromptSpan.Image(imageIndex++));
            run.AddRange(vocabulary.Tokenize(family.ImageSuffix));
        }

        CloseRun(spans, run);
        return new PromptLayout(spans);
    }

    // A chat template often writes the start token itself; it must not come twice.
    private static string WithoutStartText(string text, bool isFirst, Vocabulary vocabulary)
    {
        string start = vocabulary.StartText;
        return isFirst && vocabulary.StartToken is not null && start.Length > 0 && text.StartsWith(start, StringComparison.Ordinal) ? text[start.Length..] : text;
    }

    private static void CloseRun(List<PromptSpan> spans, List<int> run)
    {
        if (run.Count == 0) return;
        spans.Add(new PromptSpan.Tokens([.. run]));
        run.Clear();
    }
}
