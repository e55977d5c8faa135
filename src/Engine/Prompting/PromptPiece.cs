using Tessera.Text;

namespace Tessera.Prompting;

/// <summary>A piece of a prompt before it is tokenized.</summary>
internal abstract record PromptPiece
{
    /// <summary>Text with special tokens.</summary>
    internal sealed record Written(string Text) : PromptPiece;

    /// <summary>Exactly one token, by its text.</summary>
    internal sealed record Token(string Text) : PromptPiece;

    /// <summary>The token that brings one of the prompt's media into sight.</summary>
    /// <param name="Text">The token; empty for none.</param>
    /// <param name="Part">What comes into sight.</param>
    internal sealed record Memory(string Text, PromptSpan.Memory Part) : PromptPiece;

    /// <summary>Tokens of an earlier answer.</summary>
    internal sealed record Answer(IReadOnlyList<int> Ids) : PromptPiece;

    /// <summary>The place of the next picture or video.</summary>
    internal sealed record Place : PromptPiece;

    /// <summary>Embeddings of one of the prompt's media.</summary>
    /// <param name="MediaIndex">Which of them.</param>
    /// <param name="Start">The first embedding.</param>
    /// <param name="Count">Number of embeddings.</param>
    /// <param name="Places">Where they stand, counted from the first.</param>
    internal sealed record Rows(int MediaIndex, int Start, int Count, SpanPositions Places = default) : PromptPiece;

    /// <summary>What a person wrote as the whole prompt.</summary>
    public static IReadOnlyList<PromptPiece> Raw(string text) => [.. MediaMarker.Parse(text).Select(static part => Of(part.Text))];

    /// <summary>Text, or a place where it is null.</summary>
    public static PromptPiece Of(string? text) => text is null ? new Place() : new Written(text);

    /// <summary>Adds a piece; text joins the text before it.</summary>
    public static void Add(List<PromptPiece> pieces, PromptPiece piece)
    {
        if (piece is Written { Text.Length: 0 })
            return;
        if (piece is Written text && pieces is [.., Written before])
            pieces[^1] = new Written(before.Text + text.Text);
        else
            pieces.Add(piece);
    }
}
