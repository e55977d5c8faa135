using System.Runtime.InteropServices;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>A weight on the device and the file's tensors that it is filled from, end to end.</summary>
internal sealed unsafe class DeclaredWeight(Tensor target, IReadOnlyList<GgufTensor> parts)
{
    public long ByteLength => (long)target.ByteLength;

    /// <summary>Copies the parts, converting or quantizing them when the target has another type than the file.</summary>
    public void CopyTo(GgufFile file)
    {
        bool convert = parts.Any(part => (ggml_type)(int)part.Type != target.Native->type);
        // Repacking buffer types take a tensor in one piece only, so joined weights are put together first.
        if (parts.Count == 1 && !convert)
        {
            Set(file.GetTensorData(parts[0], 0, checked((int)parts[0].ByteLength)));
            return;
        }

        if (convert && target.Native->type != ggml_type.GGML_TYPE_F32)
        {
            Set(Quantized(file));
            return;
        }

        var whole = new byte[checked((int)target.ByteLength)];
        int offset = 0;
        foreach (GgufTensor part in parts)
        {
            ReadOnlySpan<byte> source = file.GetTensorData(part, 0, checked((int)part.ByteLength));
            if (convert) offset += ToFloat(part, source, whole.AsSpan(offset));
            else
            {
                source.CopyTo(whole.AsSpan(offset));
                offset += source.Length;
            }
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

    private static int ToFloat(GgufTensor part, ReadOnlySpan<byte> source, Span<byte> destination)
    {
        int byteLength = checked((int)part.ElementCount * sizeof(float));
        ElementConversion.ToFloat(part.Type, source, MemoryMarshal.Cast<byte, float>(destination[..byteLength]));
        return byteLength;
    }

    private byte[] Quantized(GgufFile file)
    {
        var whole = new byte[checked((int)target.ByteLength)];
        int offset = 0;
        foreach (GgufTensor part in parts)
        {
            float[] values = ToFloat(file, part);
            fixed (float* source = values)
            fixed (byte* destination = whole.AsSpan(offset))
                offset += (int)Ggml.ggml_quantize_chunk(target.Native->type, source, destination, 0, part.ElementCount / part.Shape[0], part.Shape[0], null);
        }

        return whole;
    }

    private void Set(ReadOnlySpan<byte> data)
    {
        fixed (byte* source = data) GgmlBackend.ggml_backend_tensor_set(target.Native, source, 0, (nuint)data.Length);
    }
}
