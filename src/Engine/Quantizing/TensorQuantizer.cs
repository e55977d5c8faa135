using System.Buffers;
using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Native;
using Tessera.Text;

namespace Tessera.Quantizing;

/// <summary>Converts a tensor's rows to another type with ggml's quantizers, some megabytes at a time, on several threads.</summary>
internal sealed unsafe class TensorQuantizer(int threadCount, CancellationToken cancellationToken)
{
    // Bytes of float32 at a time, over all threads; what is read and written is less.
    private const long SlabBytes = 32L << 20;
    private const int MostRowsAtOnce = 64;

    /// <summary>Writes a tensor in a type.</summary>
    /// <param name="file">The file that holds it.</param>
    /// <param name="tensor">The tensor.</param>
    /// <param name="type">What it becomes.</param>
    /// <param name="importance">How much each column of each of its matrices matters: [columns, matrices]; empty for equal.</param>
    /// <param name="output">Takes the bytes.</param>
    /// <param name="report">Told the source's bytes as they are done.</param>
    /// <exception cref="ModelFileException">A value is no number, or the file cannot be read.</exception>
    public void Write(GgufFile file, GgufTensor tensor, GgufTensorType type, float[] importance, Stream output, Action<long> report)
    {
        long width = tensor.Shape[0],
            rowCount = tensor.ElementCount / width,
            sourceRow = tensor.ByteLength / rowCount;
        long targetRow = width / type.BlockLength() * type.BlockByteLength();
        bool isSame = type == tensor.Type;
        int slab = (int)Math.Clamp(SlabBytes / (width * sizeof(float)), 1, rowCount);
        byte[] read = ArrayPool<byte>.Shared.Rent(checked((int)(slab * sourceRow)));
        byte[] written = isSame ? read : ArrayPool<byte>.Shared.Rent(checked((int)(slab * targetRow)));
        try
        {
            for (long row = 0; row < rowCount; row += slab)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int count = (int)Math.Min(slab, rowCount - row);
                file.ReadTensorData(tensor, row * sourceRow, read.AsSpan(0, (int)(count * sourceRow)));
                if (!isSame)
                    Convert(new Slab(file, tensor, type, row, count), read, written, importance);
                output.Write(written, 0, (int)(count * targetRow));
                report(count * sourceRow);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(read);
            if (!isSame)
                ArrayPool<byte>.Shared.Return(written);
        }
    }

    private void Convert(Slab slab, byte[] read, byte[] written, float[] importance)
    {
        int rowsAtOnce = Math.Clamp((slab.Count + threadCount - 1) / threadCount, 1, MostRowsAtOnce);
        int pieces = (slab.Count + rowsAtOnce - 1) / rowsAtOnce,
            faulty = 0;
        Parallel.For(
            0,
            pieces,
            new ParallelOptions { MaxDegreeOfParallelism = threadCount, CancellationToken = cancellationToken },
            piece =>
            {
                int first = piece * rowsAtOnce,
                    count = Math.Min(rowsAtOnce, slab.Count - first);
                if (!TryConvert(slab, first, count, read, written, importance))
                    Volatile.Write(ref faulty, 1);
            }
        );
        if (faulty != 0)
            throw new ModelFileException(
                slab.File.Path,
                $"tensor {GgufText.Quote(slab.Tensor.Name)} holds values that are no numbers, or too large to quantize."
            );
    }

    // ggml's quantizers end the process at some values that are no numbers, so none come near them.
    private static bool TryConvert(Slab slab, int first, int count, byte[] read, byte[] written, float[] importance)
    {
        int width = (int)slab.Tensor.Shape[0],
            sourceRow = slab.SourceRow,
            targetRow = slab.TargetRow;
        float[] values = ArrayPool<float>.Shared.Rent(count * width);
        try
        {
            Span<float> used = values.AsSpan(0, count * width);
            ElementConversion.ToFloat(slab.Tensor.Type, read.AsSpan(first * sourceRow, count * sourceRow), used);
            if (!FiniteNumbers.AreIn(used))
                return false;
            fixed (
                float* from = used,
                    weights = importance
            )
            fixed (byte* to = &written[first * targetRow])
            {
                for (int row = 0; row < count; row++)
                {
                    float* ofRow = importance.Length == 0 ? null : weights + (slab.MatrixOf(first + row) * width);
                    Ggml.ggml_quantize_chunk(
                        (ggml_type)(int)slab.Type,
                        from + ((long)row * width),
                        to + ((long)row * targetRow),
                        0,
                        1,
                        width,
                        ofRow
                    );
                }
            }

            return true;
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
        }
    }

    /// <summary>Some rows of a tensor, and what they become.</summary>
    private sealed record Slab(GgufFile File, GgufTensor Tensor, GgufTensorType Type, long FirstRow, int Count)
    {
        public int SourceRow => checked((int)(Tensor.Shape[0] / Tensor.Type.BlockLength() * Tensor.Type.BlockByteLength()));

        public int TargetRow => checked((int)(Tensor.Shape[0] / Type.BlockLength() * Type.BlockByteLength()));

        /// <summary>Which of the tensor's matrices a row of the slab belongs to; one with three dimensions is a matrix for each
        /// expert.</summary>
        public long MatrixOf(int row) => (FirstRow + row) / (Tensor.Shape.Length > 1 ? Tensor.Shape[1] : 1);
    }
}
