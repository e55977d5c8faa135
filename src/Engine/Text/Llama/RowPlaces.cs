namespace Tessera.Text.Llama;

/// <summary>
/// Where the rows of each sequence stand for the rotary embedding, where that is apart from their order. libllama masks by the first axis
/// of a position and takes only rows that come one after another on it, so that axis counts rows; a model whose channels turn by the second
/// alone may then place several rows at one position, and still none sees a later one.
/// </summary>
/// <param name="sequenceCount">Number of sequences.</param>
internal sealed class RowPlaces(int sequenceCount)
{
    // ggml's M-RoPE has four: order, place, a third that is not used, and one at 0 for channels that do not turn.
    private const int Axes = 4;
    private readonly List<int>[] places = [.. Enumerable.Range(0, sequenceCount).Select(static _ => new List<int>())];

    /// <summary>Whether every row of a batch stands where it comes, so that one number says both.</summary>
    public bool AreInOrder(ContextBatch batch) => Orders(batch).SequenceEqual(batch.Positions);

    /// <summary>The rows' positions: each axis [rows], one after another.</summary>
    public int[] Positions(ContextBatch batch)
    {
        var positions = new int[Axes * batch.Count];
        Orders(batch).CopyTo(positions.AsSpan());
        batch.Positions.CopyTo(positions.AsSpan(batch.Count));
        return positions;
    }

    /// <summary>The rows of a batch are there.</summary>
    public void Append(ContextBatch batch)
    {
        for (int row = 0; row < batch.Count; row++)
            places[batch.Sequences[row]].Add(batch.Positions[row]);
    }

    /// <summary>Forgets the rows from a place on, and gives the order of the first of them.</summary>
    public int Cut(int sequence, int place)
    {
        List<int> rows = places[sequence];
        int kept = CountBefore(rows, place);
        rows.RemoveRange(kept, rows.Count - kept);
        return kept;
    }

    /// <summary>A sequence has the rows of another up to a place, and gives the order of the first that it does not have.</summary>
    public int Share(int source, int target, int place)
    {
        int count = CountBefore(places[source], place);
        places[target].AddRange(places[source].Take(count));
        return count;
    }

    /// <summary>An empty sequence has so many rows, which stand where they come.</summary>
    public void Restore(int sequence, int count) => places[sequence].AddRange(Enumerable.Range(0, count));

    private static int CountBefore(List<int> rows, int place)
    {
        int index = rows.FindIndex(held => held >= place);
        return index < 0 ? rows.Count : index;
    }

    private int[] Orders(ContextBatch batch)
    {
        var next = new Dictionary<int, int>();
        var orders = new int[batch.Count];
        for (int row = 0; row < batch.Count; row++)
        {
            int sequence = batch.Sequences[row];
            orders[row] = next.GetValueOrDefault(sequence, places[sequence].Count);
            next[sequence] = orders[row] + 1;
        }

        return orders;
    }
}
