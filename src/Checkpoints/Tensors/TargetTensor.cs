using Tessera.Gguf;

namespace Tessera.Checkpoints.Tensors;

/// <summary>A tensor of a file to be made.</summary>
/// <param name="Name">Its name there.</param>
/// <param name="Source">What it is made from, for messages.</param>
/// <param name="Values">Its values.</param>
/// <param name="Type">How they are stored.</param>
internal sealed record TargetTensor(string Name, string Source, TensorValues Values, GgufTensorType Type)
{
    private const int ChunkByteLength = 8 << 20;

    /// <summary>The shape as GGUF has it, the fastest varying dimension first.</summary>
    public long[] Shape => [.. Values.Shape.Reverse()];

    /// <summary>Bytes of the stored data.</summary>
    public long ByteLength =>
        Type switch
        {
            GgufTensorType.F32 => ElementCount * 4,
            GgufTensorType.Q8_0 => ElementCount / 32 * 34,
            _ => ElementCount * 2,
        };

    private long ElementCount => Values.RowCount * Values.RowLength;

    /// <summary>Writes the stored data, some megabytes at a time.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="context">What to check and to report.</param>
    public void Write(Stream stream, WriteContext context)
    {
        int rowsAtOnce = (int)Math.Clamp(ChunkByteLength / Math.Max(1, Values.RowByteLength), 1, Math.Max(1, Values.RowCount));
        byte[] source = context.Source(checked((int)(rowsAtOnce * Values.RowByteLength)));
        bool isSame = Values.Type.ToString() == Type.ToString();
        for (long row = 0; row < Values.RowCount; row += rowsAtOnce)
        {
            context.Cancellation.ThrowIfCancellationRequested();
            int count = (int)Math.Min(rowsAtOnce, Values.RowCount - row);
            Span<byte> bytes = source.AsSpan(0, (int)(count * Values.RowByteLength));
            Values.ReadRows(row, count, bytes);
            if (!context.AllowsNaN && Elements.HasNaN(Values.Type, bytes))
                throw context.NaN(Source);
            ReadOnlySpan<byte> stored = isSame ? bytes : Convert(bytes, count, context);
            stream.Write(stored);
            context.Report(stored.Length);
        }
    }

    private Span<byte> Convert(ReadOnlySpan<byte> bytes, int rowCount, WriteContext context)
    {
        int count = checked((int)(rowCount * Values.RowLength));
        Span<float> values = context.Values(count);
        Elements.Widen(Values.Type, bytes, values);
        Span<byte> target = context.Target(
            checked(
                (int)(
                    Type switch
                    {
                        GgufTensorType.F32 => count * 4L,
                        GgufTensorType.Q8_0 => count / 32 * 34L,
                        _ => count * 2L,
                    }
                )
            )
        );
        Elements.Narrow(Type, values, target);
        return target;
    }
}

/// <summary>Buffers that one tensor after another uses, and what happens while they are written.</summary>
internal sealed class WriteContext(
    bool allowsNaN,
    Func<string, CheckpointException> nan,
    Action<long> report,
    CancellationToken cancellationToken
)
{
    private byte[] source = [],
        target = [];
    private float[] values = [];

    public bool AllowsNaN => allowsNaN;

    public CancellationToken Cancellation => cancellationToken;

    public CheckpointException NaN(string tensor) => nan(tensor);

    /// <summary>Says that bytes have been written.</summary>
    public void Report(long byteLength) => report(byteLength);

    public byte[] Source(int length) => source.Length >= length ? source : source = new byte[length];

    public Span<byte> Target(int length) => (target.Length >= length ? target : target = new byte[length]).AsSpan(0, length);

    public Span<float> Values(int length) => (values.Length >= length ? values : values = new float[length]).AsSpan(0, length);
}
