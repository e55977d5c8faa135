using Tessera.Checkpoints.Output;
using Tessera.Checkpoints.Weights;
using Tessera.Gguf;

namespace Tessera.Checkpoints.Tensors;

/// <summary>A tensor of a file to be made.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Source">What it is made from, for messages.</param>
/// <param name="Values">Its values.</param>
/// <param name="Type">How they are stored.</param>
internal sealed record TargetTensor(string Name, string Source, TensorValues Values, GgufTensorType Type)
{
    // A chunk and what is made of it stay in the processor's cache.
    private const int ChunkByteLength = 1 << 20;

    /// <summary>The shape as GGUF has it, the fastest varying dimension first.</summary>
    public long[] Shape => [.. Values.Shape.Reverse()];

    /// <summary>Bytes of the stored data.</summary>
    public long ByteLength => Values.RowCount * (Values.RowLength / Type.BlockLength() * Type.BlockByteLength());

    /// <summary>Writes the stored data, a megabyte or a row at a time.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="context">What to check and to report.</param>
    public void Write(Stream stream, WriteContext context)
    {
        int rowsAtOnce = (int)Math.Clamp(ChunkByteLength / Math.Max(1, Values.RowByteLength), 1, Math.Max(1, Values.RowCount));
        bool isSame = Values.Blocks == Type || Values.Type.ToString() == Type.ToString();
        for (long row = 0; row < Values.RowCount; row += rowsAtOnce)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            int count = (int)Math.Min(rowsAtOnce, Values.RowCount - row);
            SharedBuffer buffer = SourceDigests.Rent(checked((int)(count * Values.RowByteLength)));
            ReadOnlySpan<byte> bytes = Read(row, count, buffer, context);
            if (!context.AllowsNaN && Values.Blocks is null && Elements.HasNaN(Values.Type, bytes))
                throw context.NaN(Source);
            ReadOnlySpan<byte> stored = isSame ? bytes : Convert(bytes, count, context);
            stream.Write(stored);
            context.Report(stored.Length);
            buffer.Release();
        }
    }

    private Span<byte> Read(long row, int count, SharedBuffer buffer, WriteContext context)
    {
        Span<byte> bytes = buffer.Bytes.AsSpan(0, (int)(count * Values.RowByteLength));
        Values.ReadRows(row, count, bytes);
        if (Values is StoredValues { Tensor: StoredTensor tensor })
            context.Digests.Offer(tensor.File, tensor.Offset + row * Values.RowByteLength, buffer, bytes.Length);
        return bytes;
    }

    private Span<byte> Convert(ReadOnlySpan<byte> bytes, int rowCount, WriteContext context)
    {
        int count = checked((int)(rowCount * Values.RowLength));
        long byteLength = Type switch
        {
            GgufTensorType.F32 => count * 4L,
            GgufTensorType.Q8_0 => count / EightBitBlocks.ElementCount * (long)EightBitBlocks.ByteLength,
            _ => count * 2L,
        };
        Span<byte> target = context.Target(checked((int)byteLength));
        if ((Values.Type, Type) == (ElementType.BF16, GgufTensorType.F16))
        {
            Elements.ToHalf(bytes, target);
            return target;
        }

        Span<float> values = context.Values(count);
        Elements.Widen(Values.Type, bytes, values);
        Elements.Narrow(Type, values, target);
        return target;
    }
}

/// <summary>Buffers that one tensor after another uses, and what happens while they are written.</summary>
internal sealed class WriteContext(
    bool allowsNaN,
    SourceDigests digests,
    Func<string, CheckpointException> nan,
    Action<long> report,
    CancellationToken cancellationToken
)
{
    private byte[] target = [];
    private float[] values = [];

    public bool AllowsNaN => allowsNaN;

    /// <summary>Gives the buffers, and takes what is read.</summary>
    public SourceDigests Digests => digests;

    public CancellationToken Cancellation => cancellationToken;

    public CheckpointException NaN(string tensor) => nan(tensor);

    /// <summary>Says that bytes have been written.</summary>
    public void Report(long byteLength) => report(byteLength);

    public Span<byte> Target(int length) => (target.Length >= length ? target : target = new byte[length]).AsSpan(0, length);

    public Span<float> Values(int length) => (values.Length >= length ? values : values = new float[length]).AsSpan(0, length);
}
