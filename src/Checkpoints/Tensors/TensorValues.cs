using System.Buffers;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Tessera.Checkpoints.Weights;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tensors;

/// <summary>
/// The values of a tensor to be written, read row by row when their turn comes: a row is the last dimension. What is stored is read from
/// its file; everything else is made from that.
/// </summary>
internal abstract class TensorValues(ElementType type, ImmutableArray<long> shape)
{
    /// <summary>How <see cref="ReadRows"/> gives the elements.</summary>
    public ElementType Type { get; } = type;

    /// <summary>The lengths, the slowest varying dimension first; at least one.</summary>
    public ImmutableArray<long> Shape { get; } = shape.IsEmpty ? [1] : shape;

    /// <summary>Elements of a row.</summary>
    public long RowLength => Shape[^1];

    public long RowCount => StoredTensor.Count(Shape) / Math.Max(1, RowLength);

    /// <summary>What its rows are made of where they are quantized, which nothing may change; null for plain elements.</summary>
    public virtual GgufTensorType? Blocks => null;

    /// <summary>Bytes of a row.</summary>
    public long RowByteLength =>
        Blocks is GgufTensorType blocks ? RowLength / blocks.BlockLength() * blocks.BlockByteLength() : RowLength * Type.ByteLength();

    /// <summary>Bytes that an implementation holds at once beyond what the caller gives, for the bound on memory.</summary>
    public abstract void ReadRows(long firstRow, int rowCount, Span<byte> destination);

    /// <summary>A stored tensor as it is.</summary>
    public static TensorValues Of(StoredTensor tensor) =>
        tensor.Type == ElementType.Other
            ? throw tensor.Fail($"is stored as {tensor.TypeName}, which is not supported; F32, F16 and BF16 are.")
            : new StoredValues(tensor);

    /// <summary>Values that are given.</summary>
    public static TensorValues Of(ImmutableArray<long> shape, float[] values) => new GivenValues(shape, values);

    /// <summary>The same elements in another shape.</summary>
    public TensorValues Reshape(params ReadOnlySpan<long> shape) => new ReshapedValues(this, [.. shape]);

    /// <summary>Rows of the first dimension in another order, or some of them.</summary>
    /// <param name="count">How many the result has.</param>
    /// <param name="source">The index that each is taken from.</param>
    public TensorValues Gather(long count, Func<long, long> source) => new GatheredValues(this, count, source);

    /// <summary>Elements of each row in another order.</summary>
    /// <param name="source">The index that each is taken from.</param>
    public TensorValues GatherColumns(Func<long, long> source) => new GatheredColumns(this, source);

    /// <summary>A stretch of the first dimension.</summary>
    public TensorValues Slice(long start, long count) => start == 0 && count == Shape[0] ? this : Gather(count, index => start + index);

    /// <summary>Each value changed, in single precision.</summary>
    public TensorValues Change(Action<Span<float>> change) => new ChangedValues(this, change);

    /// <summary>The values with dimensions exchanged; the whole tensor is read for it.</summary>
    /// <param name="order">For each dimension of the result, which it is now.</param>
    public TensorValues Permute(params ReadOnlySpan<int> order) => new PermutedValues(this, [.. order]);
}

internal sealed class StoredValues(StoredTensor tensor) : TensorValues(tensor.Type, tensor.Shape)
{
    public StoredTensor Tensor => tensor;

    public override GgufTensorType? Blocks => tensor.Blocks;

    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination) =>
        tensor.File.Read(tensor.Offset + firstRow * RowByteLength, destination[..checked((int)(rowCount * RowByteLength))]);
}

internal sealed class GivenValues(ImmutableArray<long> shape, float[] values) : TensorValues(ElementType.F32, shape)
{
    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination) =>
        MemoryMarshal.AsBytes(values.AsSpan((int)(firstRow * RowLength), (int)(rowCount * RowLength))).CopyTo(destination);
}

internal sealed class ReshapedValues(TensorValues source, ImmutableArray<long> shape) : TensorValues(source.Type, shape)
{
    // Rows of the two may have nothing in common, so bytes of the source's rows are cut.
    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination)
    {
        long start = firstRow * RowByteLength,
            length = rowCount * RowByteLength;
        if (length == 0)
            return;
        long first = start / source.RowByteLength,
            last = (start + length - 1) / source.RowByteLength;
        int count = checked((int)(last - first + 1));
        if (start % source.RowByteLength == 0 && length == count * source.RowByteLength)
        {
            source.ReadRows(first, count, destination);
            return;
        }

        byte[] bytes = new byte[checked((int)(count * source.RowByteLength))];
        source.ReadRows(first, count, bytes);
        bytes.AsSpan((int)(start - first * source.RowByteLength), (int)length).CopyTo(destination);
    }
}

internal sealed class GatheredValues(TensorValues source, long count, Func<long, long> index)
    : TensorValues(source.Type, [count, .. source.Shape.Skip(1)])
{
    // What is gathered are entries of the first dimension; a vector's are single elements.
    private readonly long entryRows = source.Shape.Length == 1 ? 1 : source.RowCount / Math.Max(1, source.Shape[0]);
    private byte[]? vector;

    private delegate void ReadRun(long firstRow, int rowCount, Span<byte> destination);

    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination)
    {
        if (source.Shape.Length == 1)
        {
            ReadVector(destination);
            return;
        }

        (long least, long most) = (long.MaxValue, 0);
        for (int row = 0; row < rowCount; row++)
            (least, most) = (Math.Min(least, Source(firstRow + row)), Math.Max(most, Source(firstRow + row)));
        // Rows of a head in another order are read at once, and put in order here.
        if (most - least < 2L * rowCount)
            ReadNear(firstRow, rowCount, least, (int)(most - least + 1), destination);
        else
            ForEachRun(firstRow, rowCount, destination, source.ReadRows);
    }

    private void ReadNear(long firstRow, int rowCount, long least, int nearCount, Span<byte> destination)
    {
        byte[] near = ArrayPool<byte>.Shared.Rent(checked((int)(nearCount * RowByteLength)));
        source.ReadRows(least, nearCount, near);
        ForEachRun(
            firstRow,
            rowCount,
            destination,
            (start, count, rows) => near.AsSpan((int)((start - least) * RowByteLength), (int)(count * RowByteLength)).CopyTo(rows)
        );
        ArrayPool<byte>.Shared.Return(near);
    }

    private void ForEachRun(long firstRow, int rowCount, Span<byte> destination, ReadRun read)
    {
        for (int done = 0; done < rowCount; )
        {
            long start = Source(firstRow + done);
            int run = 1;
            while (done + run < rowCount && Source(firstRow + done + run) == start + run)
                run++;
            read(start, run, destination[(int)(done * RowByteLength)..]);
            done += run;
        }
    }

    private long Source(long row)
    {
        (long entry, long within) = Math.DivRem(row, entryRows);
        return index(entry) * entryRows + within;
    }

    private void ReadVector(Span<byte> destination)
    {
        if (vector is null)
            source.ReadRows(0, 1, vector = new byte[source.RowByteLength]);
        int size = Type.ByteLength();
        for (int i = 0; i < count; i++)
            vector.AsSpan((int)index(i) * size, size).CopyTo(destination[(i * size)..]);
    }
}

internal sealed class GatheredColumns(TensorValues source, Func<long, long> index) : TensorValues(source.Type, source.Shape)
{
    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination)
    {
        byte[] bytes = ArrayPool<byte>.Shared.Rent(checked((int)(rowCount * RowByteLength)));
        source.ReadRows(firstRow, rowCount, bytes);
        int size = Type.ByteLength();
        for (int row = 0; row < rowCount; row++)
        {
            Span<byte> from = bytes.AsSpan((int)(row * RowByteLength), (int)RowByteLength),
                to = destination.Slice((int)(row * RowByteLength), (int)RowByteLength);
            for (int column = 0; column < RowLength; column++)
                from.Slice((int)index(column) * size, size).CopyTo(to[(column * size)..]);
        }

        ArrayPool<byte>.Shared.Return(bytes);
    }
}

internal sealed class ChangedValues(TensorValues source, Action<Span<float>> change) : TensorValues(ElementType.F32, source.Shape)
{
    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination)
    {
        Span<float> values = MemoryMarshal.Cast<byte, float>(destination)[..(int)(rowCount * RowLength)];
        byte[] bytes = new byte[rowCount * source.RowByteLength];
        source.ReadRows(firstRow, rowCount, bytes);
        Elements.Widen(source.Type, bytes, values);
        change(values);
    }
}

internal sealed class PermutedValues(TensorValues source, ImmutableArray<int> order)
    : TensorValues(source.Type, [.. order.Select(dimension => source.Shape[dimension])])
{
    private byte[]? all;

    public override void ReadRows(long firstRow, int rowCount, Span<byte> destination)
    {
        if (all is null)
            source.ReadRows(0, checked((int)source.RowCount), all = new byte[checked(source.RowCount * source.RowByteLength)]);
        int size = Type.ByteLength();
        long[] strides = Strides(source.Shape);
        for (long row = firstRow, at = 0; row < firstRow + rowCount; row++)
        {
            long start = 0,
                rest = row;
            for (int dimension = Shape.Length - 2; dimension >= 0; dimension--)
            {
                (rest, long index) = Math.DivRem(rest, Shape[dimension]);
                start += index * strides[order[dimension]];
            }

            for (long i = 0; i < RowLength; i++, at += size)
                all.AsSpan((int)((start + i * strides[order[^1]]) * size), size).CopyTo(destination[(int)at..]);
        }

        if (firstRow + rowCount == RowCount)
            all = null;
    }

    private static long[] Strides(ImmutableArray<long> shape)
    {
        long[] strides = new long[shape.Length];
        long stride = 1;
        for (int dimension = shape.Length - 1; dimension >= 0; dimension--)
        {
            strides[dimension] = stride;
            stride *= shape[dimension];
        }

        return strides;
    }
}
