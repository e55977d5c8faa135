namespace Tessera.Vision.Encoding;

/// <summary>Takes apart rows that have something beside their embeddings.</summary>
internal static class RowParts
{
    /// <summary>Columns of rows [row width, rows]: [count, rows]; the rows themselves where that is all of them.</summary>
    public static ReadOnlyMemory<float> Take(ReadOnlyMemory<float> rows, int rowWidth, int first, int count)
    {
        if (count == rowWidth)
            return rows;
        int rowCount = rows.Length / rowWidth;
        var taken = new float[(long)rowCount * count];
        for (int row = 0; row < rowCount; row++)
            rows.Span.Slice(row * rowWidth + first, count).CopyTo(taken.AsSpan(row * count));
        return taken;
    }
}
