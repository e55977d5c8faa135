using System.Runtime.InteropServices;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>A weight on the device and the file's tensors that it is filled from, end to end; what they leave over is zero.</summary>
internal sealed unsafe class DeclaredWeight(Tensor target, IReadOnlyList<GgufTensor> parts)
{
    // Rows that are converted at a time: a tensor is never in memory twice as float32.
    private const int ChunkValues = 1 << 20;

    public long ByteLength => (long)target.ByteLength;

    private ggml_type Type => target.Native->type;

    /// <summary>Copies the parts, converting or quantizing them when the target has another type than the file.</summary>
    public void CopyTo(GgufFile file)
    {
        if (parts.Count == 1 && parts[0].ByteLength == ByteLength && IsOfType(parts[0]))
        {
            Set(file.GetTensorData(parts[0], 0, checked((int)parts[0].ByteLength)));
            return;
        }

        // Repacking buffer types take a tensor in one piece only, so what is joined, padded or converted is put together first.
        var whole = new byte[checked((int)target.ByteLength)];
        int offset = 0;
        foreach (GgufTensor part in parts)
        {
            ReadOnlySpan<byte> source = file.GetTensorData(part, 0, checked((int)part.ByteLength));
            offset += IsOfType(part) ? CopyRows(part, source, whole.AsSpan(offset)) : Convert(part, source, whole.AsSpan(offset));
        }

        Set(whole);
    }

    /// <summary>A tensor's values as float32.</summary>
    public static float[] ToFloat(GgufFile file, GgufTensor tensor)
    {
        var values = new float[tensor.ElementCount];
        ElementConversion.ToFloat(tensor.Type, file.GetTensorData(tensor, 0, checked((int)tensor.ByteLength)), values);
        return values;
    }

    private bool IsOfType(GgufTensor part) => (ggml_type)(int)part.Type == Type;

    private int CopyRows(GgufTensor part, ReadOnlySpan<byte> source, Span<byte> destination)
    {
        (int rowCount, _, int targetWidth) = Rows(part);
        int length = source.Length / rowCount, targetLength = RowLength(targetWidth);
        if (length == targetLength)
        {
            source.CopyTo(destination);
            return source.Length;
        }

        for (int row = 0; row < rowCount; row++) source.Slice(row * length, length).CopyTo(destination[(row * targetLength)..]);
        return rowCount * targetLength;
    }

    private int Convert(GgufTensor part, ReadOnlySpan<byte> source, Span<byte> destination)
    {
        (int rowCount, int width, int targetWidth) = Rows(part);
        int length = source.Length / rowCount, targetLength = RowLength(targetWidth), chunk = Math.Clamp(ChunkValues / targetWidth, 1, rowCount);
        var values = new float[chunk * targetWidth];
        for (int first = 0; first < rowCount; first += chunk)
        {
            int count = Math.Min(chunk, rowCount - first);
            for (int row = 0; row < count; row++)
                ElementConversion.ToFloat(part.Type, source.Slice((first + row) * length, length), values.AsSpan(row * targetWidth, width));
            Store(values.AsSpan(0, count * targetWidth), targetWidth, destination.Slice(first * targetLength, count * targetLength));
        }

        return rowCount * targetLength;
    }

    private void Store(ReadOnlySpan<float> values, int width, Span<byte> destination)
    {
        if (Type == ggml_type.GGML_TYPE_F32)
        {
            MemoryMarshal.AsBytes(values).CopyTo(destination);
            return;
        }

        fixed (float* source = values)
        fixed (byte* to = destination) Ggml.ggml_quantize_chunk(Type, source, to, 0, values.Length / width, width, null);
    }

    // A tensor whose rows do not matter to the target is one row: a vector, or a kernel that becomes a matrix.
    private (int Count, int Width, int TargetWidth) Rows(GgufTensor part)
    {
        long width = part.Shape[0], targetWidth = target.Size(0);
        return width <= targetWidth && part.ElementCount / width <= target.Size(1) && target.Size(1) > 1
            ? ((int)(part.ElementCount / width), (int)width, (int)targetWidth)
            : (1, (int)part.ElementCount, (int)part.ElementCount);
    }

    private int RowLength(int width)
    {
        ggml_type_traits* traits = Ggml.ggml_get_type_traits(Type);
        return checked((int)(width / traits->blck_size * (long)traits->type_size));
    }

    private void Set(ReadOnlySpan<byte> data)
    {
        fixed (byte* source = data) GgmlBackend.ggml_backend_tensor_set(target.Native, source, 0, (nuint)data.Length);
    }
}
