namespace Tessera.Text.Graph;

/// <summary>Which rows of a KV cache hold what: the position of each cell, when it was filled, and the sequences that share it.</summary>
/// <param name="capacity">Number of cells.</param>
/// <param name="sequenceCount">Number of sequences.</param>
internal sealed class CacheCells(int capacity, int sequenceCount)
{
    private const int WordBits = 64;
    private readonly int wordCount = (sequenceCount + WordBits - 1) / WordBits;
    private readonly int[] positions = new int[capacity];
    private readonly ulong[] owners = new ulong[(long)capacity * ((sequenceCount + WordBits - 1) / WordBits)];
    private readonly long[] times = new long[capacity];
    private int firstFree;
    private long clock;

    /// <summary>Number of cells.</summary>
    public int Capacity => capacity;

    /// <summary>Cells up to the last one in use.</summary>
    public int UsedCount { get; private set; }

    /// <summary>Finds cells for new rows; null if there are too few.</summary>
    public int[]? FindFree(int count)
    {
        var found = new int[count];
        int filled = 0;
        for (int cell = firstFree; cell < capacity && filled < count; cell++)
            if (IsFree(cell))
                found[filled++] = cell;
        return filled == count ? found : null;
    }

    /// <summary>Puts a row of a sequence into a free cell.</summary>
    public void Put(int cell, int sequence, int position)
    {
        positions[cell] = position;
        times[cell] = ++clock;
        Owner(cell, sequence) |= Bit(sequence);
        UsedCount = Math.Max(UsedCount, cell + 1);
        while (firstFree < capacity && !IsFree(firstFree))
            firstFree++;
    }

    /// <summary>Forgets a sequence's rows from a position on.</summary>
    public void Cut(int sequence, int position)
    {
        for (int cell = 0; cell < UsedCount; cell++)
            if (positions[cell] >= position && Holds(cell, sequence))
                Release(cell, sequence);
        Shrink();
    }

    /// <summary>Takes rows back that were put into cells but not computed.</summary>
    public void Withdraw(ReadOnlySpan<int> put, ReadOnlySpan<int> sequences)
    {
        for (int row = 0; row < put.Length; row++)
            Release(put[row], sequences[row]);
        Shrink();
    }

    /// <summary>Lets another sequence hold a sequence's rows before a position, too.</summary>
    public void Share(int source, int target, int position)
    {
        for (int cell = 0; cell < UsedCount; cell++)
            if (positions[cell] < position && Holds(cell, source))
                Owner(cell, target) |= Bit(target);
    }

    /// <summary>The position behind a sequence's last.</summary>
    public int EndOf(int sequence)
    {
        int end = 0;
        for (int cell = 0; cell < UsedCount; cell++)
            if (Holds(cell, sequence))
                end = Math.Max(end, positions[cell] + 1);
        return end;
    }

    /// <summary>The cells of a sequence in the order of their rows, of which several may stand at one position.</summary>
    public int[] CellsOf(int sequence) =>
        [.. Enumerable.Range(0, UsedCount).Where(cell => Holds(cell, sequence)).OrderBy(cell => times[cell])];

    public int PositionOf(int cell) => positions[cell];

    /// <summary>Writes what the row in a cell sees of the first cells, as numbers of half precision to add to its scores: 0, or minus
    /// infinity. It sees what its sequence holds up to itself; not later rows, though they may stand at the same position.</summary>
    /// <param name="sequence">The row's sequence.</param>
    /// <param name="own">The row's cell.</param>
    /// <param name="mask">The numbers, one for each cell.</param>
    /// <param name="byDistance">Whether what is seen has less than 0, by how far it stands before the row.</param>
    public void WriteMask(int sequence, int own, Span<ushort> mask, bool byDistance = false)
    {
        const ushort MinusInfinity = 0xFC00;
        ulong bit = Bit(sequence);
        int word = sequence / WordBits;
        int count = Math.Min(mask.Length, UsedCount);
        for (int cell = 0; cell < count; cell++)
            mask[cell] = times[cell] <= times[own] && (owners[cell * wordCount + word] & bit) != 0 ? (ushort)0 : MinusInfinity;
        mask[count..].Fill(MinusInfinity);
        for (int cell = 0; byDistance && cell < count; cell++)
            if (mask[cell] == 0)
                mask[cell] = BitConverter.HalfToUInt16Bits((Half)(positions[cell] - positions[own]));
    }

    private void Release(int cell, int sequence)
    {
        Owner(cell, sequence) &= ~Bit(sequence);
        if (IsFree(cell))
            firstFree = Math.Min(firstFree, cell);
    }

    private void Shrink()
    {
        while (UsedCount > 0 && IsFree(UsedCount - 1))
            UsedCount--;
    }

    private static ulong Bit(int sequence) => 1UL << sequence % WordBits;

    private ref ulong Owner(int cell, int sequence) => ref owners[cell * wordCount + sequence / WordBits];

    private bool Holds(int cell, int sequence) => (Owner(cell, sequence) & Bit(sequence)) != 0;

    private bool IsFree(int cell)
    {
        for (int word = 0; word < wordCount; word++)
            if (owners[cell * wordCount + word] != 0)
                return false;
        return true;
    }
}
