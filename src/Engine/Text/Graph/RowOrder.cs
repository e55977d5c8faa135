namespace Tessera.Text.Graph;

/// <summary>
/// In which order a graph takes the rows of a batch: those that are read as text first, those of pictures behind them, so that each weight
/// is read once. Attention goes by cells and masks, and does not mind.
/// </summary>
/// <param name="Rows">The batch's rows in the graph's order.</param>
/// <param name="VisionCount">The last of them, which are pictures'.</param>
/// <param name="Outputs">Those whose logits are wanted, counted in the graph's order.</param>
/// <param name="VisionOutputCount">The last of these, which are pictures'.</param>
internal sealed record RowOrder(int[] Rows, int VisionCount, int[] Outputs, int VisionOutputCount)
{
    /// <summary>The order for a batch.</summary>
    /// <param name="batch">The rows.</param>
    /// <param name="hasVisionWeights">Whether rows of pictures have weights of their own; else all stay as they are.</param>
    public static RowOrder Of(ContextBatch batch, bool hasVisionWeights)
    {
        var rows = new int[batch.Count];
        int text = 0;
        for (int row = 0; row < rows.Length; row++)
            if (!hasVisionWeights || !batch.IsVision[row])
                rows[text++] = row;
        for (int row = 0, next = text; next < rows.Length; row++)
            if (batch.IsVision[row])
                rows[next++] = row;
        var outputs = new List<int>();
        for (int place = 0; place < rows.Length; place++)
            if (batch.Outputs[rows[place]] != 0)
                outputs.Add(place);
        return new RowOrder(rows, rows.Length - text, [.. outputs], outputs.Count(place => place >= text));
    }
}
