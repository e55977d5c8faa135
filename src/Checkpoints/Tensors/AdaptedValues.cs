using System.Numerics;
using System.Runtime.InteropServices;

namespace Tessera.Checkpoints.Tensors;

/// <summary>A matrix with a low-rank adapter merged into it, W + scale * B A (arXiv 2106.09685), in single precision.</summary>
/// <param name="source">W: [outputs, inputs].</param>
/// <param name="down">A: [rank, inputs], which is read once and kept.</param>
/// <param name="up">B: [outputs, rank].</param>
/// <param name="scale">The adapter's alpha over its rank.</param>
internal sealed class AdaptedValues(TensorValues source, TensorValues down, TensorValues up, float scale)
    : TensorValues(Weights.ElementType.F32, source.Shape)
{
    private readonly Lazy<float[]> kept = new(() => Read(down, 0, (int)down.RowCount));

    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination)
    {
        Span<float> values = MemoryMarshal.Cast<byte, float>(destination)[..(int)(rowCount * RowLength)];
        Read(source, firstRow, rowCount).CopyTo(values);
        float[] factors = Read(up, firstRow, rowCount);
        int width = (int)RowLength,
            rank = (int)up.RowLength;
        for (int row = 0; row < rowCount; row++)
        for (int index = 0; index < rank; index++)
            Add(values.Slice(row * width, width), kept.Value.AsSpan(index * width, width), scale * factors[row * rank + index]);
    }

    private static void Add(Span<float> row, ReadOnlySpan<float> other, float factor)
    {
        int index = 0;
        for (; index <= row.Length - Vector<float>.Count; index += Vector<float>.Count)
            (new Vector<float>(row[index..]) + new Vector<float>(other[index..]) * factor).CopyTo(row[index..]);
        for (; index < row.Length; index++)
            row[index] += other[index] * factor;
    }

    private static float[] Read(TensorValues values, long firstRow, int rowCount)
    {
        byte[] bytes = new byte[checked(rowCount * values.RowByteLength)];
        values.ReadRows(firstRow, rowCount, bytes);
        var numbers = new float[checked((int)(rowCount * values.RowLength))];
        Elements.Widen(values.Type, bytes, numbers);
        return numbers;
    }
}
