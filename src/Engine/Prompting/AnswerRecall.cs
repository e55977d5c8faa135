using Tessera.Text;

namespace Tessera.Prompting;

/// <summary>An earlier answer as it was generated.</summary>
/// <param name="Text">What the conversation shows.</param>
/// <param name="Generated">The text of the tokens, exactly.</param>
/// <param name="Ids">The tokens without the one that ended the answer; empty where they are not known.</param>
internal sealed record GeneratedAnswer(string Text, string Generated, IReadOnlyList<int> Ids);

/// <summary>
/// Puts the tokens that were generated in the place of earlier answers' text, so that a conversation's next prompt continues what the
/// KV cache holds. Text tokenizes in one way, but a model may have spelled it in another.
/// </summary>
internal sealed class AnswerRecall(Vocabulary vocabulary)
{
    /// <summary>A conversation's prompt as texts and, where that is certain to be the same conversation, tokens.</summary>
    /// <param name="write">Writes the prompt with the given answers.</param>
    /// <param name="answers">The earlier answers; null where the tokens are not known.</param>
    /// <param name="texts">The earlier answers' texts.</param>
    public IReadOnlyList<PromptPiece> Write(
        Func<IReadOnlyList<string>, string> write,
        IReadOnlyList<GeneratedAnswer?> answers,
        IReadOnlyList<string> texts
    )
    {
        string prompt = write(texts);
        if (answers.All(static answer => answer is not { Ids.Count: > 0 }))
            return [new PromptPiece(prompt)];

        // A template may change answers, cut their thoughts out for one: then marks in their place would hide that.
        string[] marks = [.. answers.Select(static (_, index) => $"\uE000{index}\uE001")];
        string marked = write(marks);
        if (Fill(marked, marks, texts) != prompt)
            return [new PromptPiece(prompt)];

        var pieces = new List<PromptPiece>();
        for (int index = 0; index < marks.Length; index++)
        {
            int at = marked.IndexOf(marks[index], StringComparison.Ordinal);
            AddAnswer(pieces, marked[..at], answers[index], texts[index], marked[(at + marks[index].Length)..]);
            marked = marked[(at + marks[index].Length)..];
        }

        AddText(pieces, marked);
        return pieces;
    }

    private void AddAnswer(List<PromptPiece> pieces, string before, GeneratedAnswer? answer, string text, string after)
    {
        // Text after tokens is tokenized on its own: only where a control token begins it does that change nothing.
        bool known = answer is { Ids.Count: > 0 } && vocabulary.StartsWithControl(after);
        if (!known)
        {
            AddText(pieces, before + text);
            return;
        }

        // The prompt ended where the answer's own first space came; templates write that space before the answer.
        AddText(pieces, before.EndsWith(' ') && answer!.Generated.StartsWith(' ') ? before[..^1] : before);
        pieces.Add(new PromptPiece(null, Ids: answer!.Ids));
    }

    private static void AddText(List<PromptPiece> pieces, string text)
    {
        if (pieces.Count > 0 && pieces[^1].Text is string before)
            pieces[^1] = new PromptPiece(before + text);
        else if (text.Length > 0)
            pieces.Add(new PromptPiece(text));
    }

    private static string? Fill(string marked, string[] marks, IReadOnlyList<string> texts)
    {
        for (int index = 0; index < marks.Length; index++)
        {
            if (marked.Split(marks[index]).Length != 2)
                return null;
            marked = marked.Replace(marks[index], texts[index], StringComparison.Ordinal);
        }

        return marked;
    }
}
