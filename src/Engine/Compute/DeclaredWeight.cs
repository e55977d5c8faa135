using System.Runtime.InteropServices;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>A weight on the device and the file's tensors that it is filled from, end to end; what they leave over is zero.</summary>
internal sealed unsafe class DeclaredWeight(Tensor target, IReadOnlyList<GgufTensor> parts)
{
    // What is read at a time, where rows are converted: small enough for a core's own cache.
    private const int StretchLength = 1 << 18;

    public long ByteLength => (long)target.ByteLength;

    private ggml_type Type => target.Native->type;

    /// <summary>Copies the parts, converting or quantizing them when the target has another type than the file.</summary>
    public void CopyTo(GgufFile file, UploadMemory memory)
    {
        // Other buffers lie elsewhere, or take a tensor in one piece only and repack it.
        bool isPlainMemory = GgmlBackend.ggml_backend_buffer_is_host(target.Native->buffer);
        int length = checked((int)ByteLength);
        Span<byte> whole = isPlainMemory ? new Span<byte>(Ggml.ggml_get_data(target.Native), length) : memory.Whole.Bytes(length);
        int offset = 0;
        foreach (GgufTensor part in parts)
            offset += Copy(file, part, whole[offset..], memory);
        whole[offset..].Clear();
        if (isPlainMemory)
            return;
        fixed (byte* source = whole)
            GgmlBackend.ggml_backend_tensor_set(target.Native, source, 0, (nuint)length);
    }

    /// <summary>A tensor's values as float32.</summary>
    public static float[] ToFloat(GgufFile file, GgufTensor tensor)
    {
        var values = new float[tensor.ElementCount];
        var stored = new byte[tensor.ByteLength];
        file.ReadTensorData(tensor, 0, stored);
        ElementConversion.ToFloat(tensor.Type, stored, values);
        return values;
    }

    // Returns the bytes that were filled.
    private int Copy(GgufFile file, GgufTensor part, Span<byte> destination, UploadMemory memory)
    {
        (int rowCount, int width, int targetWidth) = Rows(part);
        int length = checked((int)(part.ByteLength / rowCount)),
            targetLength = RowLength(targetWidth),
            filled = checked(rowCount * targetLength);
        bool isOfType = (ggml_type)(int)part.Type == Type;
        if (isOfType && length == targetLength)
        {
            file.ReadTensorData(part, 0, destination[..filled]);
            return filled;
        }

        Span<float> values = isOfType ? default : memory.Values.Floats(targetWidth);
        if (!isOfType)
            values[width..].Clear();
        int stretch = Math.Clamp(StretchLength / length, 1, rowCount);
        Span<byte> source = memory.Source.Bytes(stretch * length);
        for (int row = 0; row < rowCount; row++)
        {
            if (row % stretch == 0)
                file.ReadTensorData(part, (long)row * length, source[..(Math.Min(stretch, rowCount - row) * length)]);
            Span<byte> stored = destination.Slice(row * targetLength, targetLength);
            ReadOnlySpan<byte> read = source.Slice(row % stretch * length, length);
            if (isOfType)
                CopyPadded(read, stored);
            else
                Convert(part.Type, read, values, width, stored);
        }

        return filled;
    }

    private static void CopyPadded(ReadOnlySpan<byte> row, Span<byte> destination)
    {
        row.CopyTo(destination);
        destination[row.Length..].Clear();
    }

    private void Convert(GgufTensorType type, ReadOnlySpan<byte> row, Span<float> values, int width, Span<byte> destination)
    {
        ElementConversion.ToFloat(type, row, values[..width]);
        if (Type == ggml_type.GGML_TYPE_Q8_0)
            Q8Blocks.Quantize(values, destination);
        else
            MemoryMarshal.AsBytes(values).CopyTo(destination);
    }

    // A tensor whose rows do not matter to the target is one row: a vector, or a kernel that becomes a matrix.
    private (int Count, int Width, int TargetWidth) Rows(GgufTensor part)
    {
        long width = part.Shape[0],
            targetWidth = target.Size(0);
        return width <= targetWidth && part.ElementCount / width <= target.Size(1) && target.Size(1) > 1
            ? ((int)(part.ElementCount / width), (int)width, (int)targetWidth)
            : (1, (int)part.ElementCount, (int)part.ElementCount);
    }

    private int RowLength(int width)
    {
        ggml_type_traits* traits = Ggml.ggml_get_type_traits(Type);
        return checked((int)(width / traits->blck_size * (long)traits->type_size));
    }
}

/// <summary>What one thread works in while it uploads weights.</summary>
internal sealed class UploadMemory : IDisposable
{
    /// <summary>A whole weight as the device takes it.</summary>
    public ScratchMemory Whole { get; } = new();

    /// <summary>Rows as the file has them.</summary>
    public ScratchMemory Source { get; } = new();

    /// <summary>Rows as float32.</summary>
    public ScratchMemory Values { get; } = new();

    public void Dispose()
    {
        Whole.Dispose();
        Source.Dispose();
        Values.Dispose();
    }
}
