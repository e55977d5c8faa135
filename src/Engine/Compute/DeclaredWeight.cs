using System.Runtime.InteropServices;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>A weight on the device and the file's tensors that it is filled from, end to end.</summary>
internal sealed unsafe class DeclaredWeight(Tensor target, IReadOnlyList<GgufTensor> parts)
{
    public long ByteLength => (long)target.ByteLength;

    /// <summary>Copies the parts, converting them when the target is float32 and the file holds another type.</summary>
    public void CopyTo(GgufFile file)
    {
        bool convert = parts.Any(part => (ggml_type)(int)part.Type != target.Native->type);
        // Repacking buffer types take a tensor in one piece only, so joined weights are put together first.
        if (parts.Count == 1 && !convert)
        {
            Set(file.GetTensorData(parts[0], 0, checked((int)parts[0].ByteLength)));
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
        ToFloat(tensor, file.GetTensorData(tensor, 0, checked((int)tensor.ByteLength)), MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    private static int ToFloat(GgufTensor part, ReadOnlySpan<byte> source, Span<byte> destination)
    {
        int byteLength = checked((int)part.ElementCount * sizeof(float));
        var type = (ggml_type)(int)part.Type;
        if (type == ggml_type.GGML_TYPE_F32)
        {
            source.CopyTo(destination);
            return byteLength;
        }

        ggml_type_traits* traits = Ggml.ggml_get_type_traits(type);
        fixed (byte* from = source, to = destination[..byteLength]) traits->to_float(from, (float*)to, part.ElementCount);
        return byteLength;
    }

    private void Set(ReadOnlySpan<byte> data)
    {
        fixed (byte* source = data) GgmlBackend.ggml_backend_tensor_set(target.Native, source, 0, (nuint)data.Length);
    }
}
