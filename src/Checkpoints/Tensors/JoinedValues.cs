namespace Tessera.Checkpoints.Tensors;

/// <summary>Matrices of one width, one below the other, in single precision.</summary>
internal sealed class JoinedValues(TensorValues first, TensorValues second)
    : TensorValues(Weights.ElementType.F32, [first.Shape[0] + second.Shape[0], first.RowLength])
{
    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination)
    {
        int ofFirst = (int)Math.Clamp(first.RowCount - firstRow, 0, rowCount),
            length = (int)(RowLength * sizeof(float));
        Read(first, firstRow, ofFirst, destination);
        Read(second, Math.Max(0, firstRow - first.RowCount), rowCount - ofFirst, destination[(ofFirst * length)..]);
    }

    private static void Read(TensorValues source, long firstRow, int rowCount, Span<byte> destination)
    {
        if (rowCount == 0)
            return;
        var bytes = new byte[checked(rowCount * source.RowByteLength)];
        source.ReadRows(firstRow, rowCount, bytes);
        Elements.Widen(
            source.Type,
            bytes,
            System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(destination)[..checked((int)(rowCount * source.RowLength))]
        );
    }
}
