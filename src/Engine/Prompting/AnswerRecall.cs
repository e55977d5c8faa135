using Tessera.ChatTemplates;
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
internal static class AnswerRecall
{
    /// <summary>A prompt as pieces, with the tokens of answers where that is certain to be the same conversation.</summary>
    /// <param name="prompt">The prompt; the slots of answers are indexes into them.</param>
    /// <param name="answers">The earlier answers; null where the tokens are not known.</param>
    /// <param name="vocabulary">The language model's tokens.</param>
    public static IReadOnlyList<PromptPiece> Fill(
        IReadOnlyList<PromptSegment> prompt,
        IReadOnlyList<GeneratedAnswer?> answers,
        Vocabulary vocabulary
    )
    {
        var pieces = new List<PromptPiece>();
        for (int index = 0; index < prompt.Count; index++)
        {
            PromptSegment segment = prompt[index];
            // Text after tokens is tokenized on its own: only where a control token begins it does that change nothing.
            string? after = index + 1 < prompt.Count ? prompt[index + 1].Text : null;
            if (
                segment.Slot is int slot
                && answers[slot] is { Ids.Count: > 0 } answer
                && after is not null
                && vocabulary.StartsWithControl(after)
            )
                AddAnswer(pieces, answer);
            else
                PromptPiece.Add(pieces, PromptPiece.Of(segment.Text));
        }

        return pieces;
    }

    // The prompt ended where the answer's own first space came; templates write that space before the answer.
    private static void AddAnswer(List<PromptPiece> pieces, GeneratedAnswer answer)
    {
        if (pieces is [.., PromptPiece.Written before] && before.Text.EndsWith(' ') && answer.Generated.StartsWith(' '))
            pieces[^1] = new PromptPiece.Written(before.Text[..^1]);
        pieces.Add(new PromptPiece.Answer(answer.Ids));
    }
}
