namespace Tessera.Text;

/// <summary>Where the rows of a span stand, counted from the span's first position, and which weights read them.</summary>
/// <param name="Offsets">Of each row, never falling; null for rows one after another.</param>
/// <param name="TextTail">The last rows, which a language model with weights of their own for pictures reads as text.</param>
internal readonly record struct SpanPositions(IReadOnlyList<int>? Offsets = null, int TextTail = 0)
{
    /// <summary>All rows at one place.</summary>
    public static SpanPositions Shared(int rowCount) => new(new int[rowCount]);

    /// <summary>The position of a row.</summary>
    public int Of(int row) => Offsets is null ? row : Offsets[row];

    /// <summary>Positions that so many rows take.</summary>
    public int Length(int rowCount) =>
        rowCount == 0 ? 0
        : Offsets is null ? rowCount
        : Offsets[rowCount - 1] + 1;
}
