using System.Runtime.InteropServices;
using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Fuzz.Soak;

/// <summary>A model with all weights as float32: without quantized sums, rounding is so small that nothing else hides behind it.</summary>
internal static class FloatCopy
{
    /// <summary>Writes the copy of a GGUF file and returns its path.</summary>
    public static string Write(string source, string target)
    {
        using GgufFile file = GgufFile.Open(source);
        var writer = new GgufWriter(file.Alignment);
        foreach ((string key, GgufValue value) in file.Metadata)
            writer.AddMetadata(key, value);
        foreach (GgufTensor tensor in file.Tensors)
        {
            float[] values = DeclaredWeight.ToFloat(file, tensor);
            writer.AddTensor(tensor.Name, GgufTensorType.F32, tensor.Shape.AsSpan(), MemoryMarshal.AsBytes<float>(values));
        }

        writer.Save(target);
        return target;
    }
}
