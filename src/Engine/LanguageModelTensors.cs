using Tessera.Gguf;

namespace Tessera;

/// <summary>Element types that libllama accepts while loading but cannot compute with (ggml 0.25.1: ggml-cpu/ops.cpp, ggml-cpu/ggml-cpu.c).</summary>
internal static class LanguageModelTensors
{
    /// <exception cref="ModelFileException">A tensor's type cannot be computed with.</exception>
    public static void Check(GgufFile file)
    {
        foreach (GgufTensor tensor in file.Tensors)
        {
            // Norms and biases meet float32 rows, and no kernel mixes types there.
            if (tensor.Shape.Length == 1 && tensor.Type != GgufTensorType.F32)
                throw LanguageModelFile.Damaged(file, $"tensor {GgufText.Quote(tensor.Name)} is a vector of type {tensor.Type} instead of F32");
            if (tensor.Type is GgufTensorType.I8 or GgufTensorType.I16 or GgufTensorType.I32 or GgufTensorType.I64 or GgufTensorType.F64 or GgufTensorType.Q8_1 or GgufTensorType.Q8_K)
                throw LanguageModelFile.Damaged(file, $"tensor {GgufText.Quote(tensor.Name)} has the type {tensor.Type}");
        }
    }
}
