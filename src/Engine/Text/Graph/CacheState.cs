using System.Buffers.Binary;

namespace Tessera.Text.Graph;

/// <summary>
/// The rows of a sequence as bytes, to be kept on disk: a number that tells the form, and each row's keys and values in all layers. What is
/// put back may come from a file of anybody's, so it is held to its length, and to numbers.
/// </summary>
internal sealed class CacheState(KeyValueCache cache, CacheCells cells)
{
    private const int HeaderLength = 16;
    private const int Q8BlockLength = 34,
        Q8ScaleLength = 2;

    private static ReadOnlySpan<byte> Magic => "TESSKV01"u8;

    /// <summary>Bytes of a state of so many rows.</summary>
    public long LengthFor(int rowCount) => HeaderLength + (long)rowCount * cache.RowLength;

    public byte[] Save(int sequence)
    {
        int[] rows = cells.CellsOf(sequence);
        var state = new byte[LengthFor(rows.Length)];
        Magic.CopyTo(state);
        BinaryPrimitives.WriteInt32LittleEndian(state.AsSpan(Magic.Length), rows.Length);
        BinaryPrimitives.WriteInt32LittleEndian(state.AsSpan(Magic.Length + sizeof(int)), (int)cache.Type);
        for (int row = 0; row < rows.Length; row++)
            cache.ReadCell(rows[row], state.AsSpan(HeaderLength + row * cache.RowLength, cache.RowLength));
        return state;
    }

    /// <summary>Puts rows that stand one after another into an empty sequence. False if they are none of this cache's.</summary>
    public bool Restore(int sequence, ReadOnlySpan<byte> state, int length)
    {
        if (
            length < 1
            || state.Length != LengthFor(length)
            || !state.StartsWith(Magic)
            || BinaryPrimitives.ReadInt32LittleEndian(state[Magic.Length..]) != length
            || BinaryPrimitives.ReadInt32LittleEndian(state[(Magic.Length + sizeof(int))..]) != (int)cache.Type
            || !AreNumbers(state[HeaderLength..])
            || cells.FindFree(length) is not { } found
        )
            return false;
        for (int row = 0; row < length; row++)
        {
            cache.WriteCell(found[row], state.Slice(HeaderLength + row * cache.RowLength, cache.RowLength));
            cells.Put(found[row], sequence, row);
        }

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
