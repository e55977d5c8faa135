using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Tessera.Text.Graph;

/// <summary>
/// The rows of a sequence as bytes, to be kept on disk: a number that tells the form, the rows' positions, and each row's keys and values
/// in all layers. What is put back may come from a file of anybody's, so it is held to its length, and to numbers.
/// </summary>
internal sealed class CacheState(KeyValueCache cache, CacheCells cells)
{
    private const int HeaderLength = 16;
    private const int Q8BlockLength = 34,
        Q8ScaleLength = 2;

    private static ReadOnlySpan<byte> Magic => "TESSKV02"u8;

    /// <summary>Bytes of a state of so many rows.</summary>
    public long LengthFor(int rowCount) => HeaderLength + (long)rowCount * (sizeof(int) + cache.RowLength);

    public byte[] Save(int sequence)
    {
        int[] rows = cells.CellsOf(sequence);
        var state = new byte[LengthFor(rows.Length)];
        Magic.CopyTo(state);
        BinaryPrimitives.WriteInt32LittleEndian(state.AsSpan(Magic.Length), rows.Length);
        BinaryPrimitives.WriteInt32LittleEndian(state.AsSpan(Magic.Length + sizeof(int)), (int)cache.Type);
        Span<int> positions = MemoryMarshal.Cast<byte, int>(state.AsSpan(HeaderLength, rows.Length * sizeof(int)));
        for (int row = 0; row < rows.Length; row++)
        {
            positions[row] = cells.PositionOf(rows[row]);
            cache.ReadCell(rows[row], state.AsSpan(ValuesAt(rows.Length, row), cache.RowLength));
        }

        return state;
    }

    /// <summary>Puts rows into an empty sequence. False if they are none of this cache's.</summary>
    public bool Restore(int sequence, ReadOnlySpan<byte> state, int length)
    {
        if (
            length < 1
            || state.Length != LengthFor(length)
            || !state.StartsWith(Magic)
            || BinaryPrimitives.ReadInt32LittleEndian(state[Magic.Length..]) != length
            || BinaryPrimitives.ReadInt32LittleEndian(state[(Magic.Length + sizeof(int))..]) != (int)cache.Type
            || !ArePlaces(PositionsIn(state, length))
            || !AreNumbers(state[ValuesAt(length, 0)..])
            || cells.FindFree(length) is not { } found
        )
            return false;
        for (int row = 0; row < length; row++)
        {
            cache.WriteCell(found[row], state.Slice(ValuesAt(length, row), cache.RowLength));
            cells.Put(found[row], sequence, PositionsIn(state, length)[row]);
        }

        return true;
    }

    private int ValuesAt(int rowCount, int row) => checked(HeaderLength + rowCount * sizeof(int) + row * cache.RowLength);

    private static ReadOnlySpan<int> PositionsIn(ReadOnlySpan<byte> state, int rowCount) =>
        MemoryMarshal.Cast<byte, int>(state.Slice(HeaderLength, rowCount * sizeof(int)));

    // From 0 on, each where the one before it stands or at the next place.
    private static bool ArePlaces(ReadOnlySpan<int> positions)
    {
        for (int row = 0; row < positions.Length; row++)
            if (row == 0 ? positions[0] != 0 : positions[row] - positions[row - 1] is not (0 or 1))
                return false;
        return true;
    }

    private bool AreNumbers(ReadOnlySpan<byte> values)
    {
        if (cache.Type == CacheType.F16)
            return FiniteNumbers.AreInHalves(values);
        if (values.Length % Q8BlockLength != 0)
            return false;
        // Only the scales of blocks could be no numbers.
        Span<byte> scales = new byte[values.Length / Q8BlockLength * Q8ScaleLength];
        for (int block = 0; block * Q8BlockLength < values.Length; block++)
            values.Slice(block * Q8BlockLength, Q8ScaleLength).CopyTo(scales[(block * Q8ScaleLength)..]);
        return FiniteNumbers.AreInHalves(scales);
    }
}
