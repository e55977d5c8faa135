using Tessera.Text;

namespace Tessera.Prompting;

/// <summary>Puts what stands for media into their places.</summary>
internal static class PromptExpansion
{
    /// <summary>A prompt with the layout of each plan in its place; texts that meet are joined, and so are embeddings.</summary>
    /// <param name="prompt">The prompt with a place for each plan.</param>
    /// <param name="plans">The plans in the order of the places.</param>
    public static IReadOnlyList<PromptPiece> Expand(IReadOnlyList<PromptPiece> prompt, IReadOnlyList<SlicePlan> plans)
    {
        var pieces = new List<PromptPiece>();
        int mediaIndex = 0;
        foreach (PromptPiece piece in prompt)
        {
            if (piece is PromptPiece.Place)
                AddLayout(pieces, mediaIndex, plans[mediaIndex++].Layout);
            else
                PromptPiece.Add(pieces, piece);
        }

        return pieces;
    }

    private static void AddLayout(List<PromptPiece> pieces, int mediaIndex, IReadOnlyList<LayoutSpan> layout)
    {
        int start = 0,
            memoryStart = 0;
        foreach (LayoutSpan span in layout)
        {
            var places = new SpanPositions(span.PositionOffsets, span.TextTail);
            if (span.MemoryRowCount > 0)
                pieces.Add(
                    new PromptPiece.Memory(
                        span.Text!,
                        new PromptSpan.Memory(mediaIndex, memoryStart, span.MemoryRowCount, span.MemoryTokenCount)
                    )
                );
            else if (span.IsSharedByNeighbours && pieces is [.., PromptPiece.Token(string ending)] && ending == span.Text)
                continue;
            else if (span.IsToken)
                pieces.Add(new PromptPiece.Token(span.Text!));
            else if (span.Text is not null)
                PromptPiece.Add(pieces, new PromptPiece.Written(span.Text));
            else if (
                span.RowCount > 0
                && pieces is [.., PromptPiece.Rows { Places: { Offsets: null, TextTail: 0 } } last]
                && Continues(last, mediaIndex, places)
            )
                pieces[^1] = last with { Count = last.Count + span.RowCount };
            else if (span.RowCount > 0)
                pieces.Add(new PromptPiece.Rows(mediaIndex, start, span.RowCount, places));
            start += span.RowCount;
            memoryStart += span.MemoryRowCount;
        }
    }

    private static bool Continues(PromptPiece.Rows last, int mediaIndex, SpanPositions places) =>
        last.MediaIndex == mediaIndex && places is { Offsets: null, TextTail: 0 };
}
