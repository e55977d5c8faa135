using Tessera.Gguf;

namespace Tessera.Text.Llama;

/// <summary>Element types that libllama accepts while loading but cannot compute with (ggml 0.25.1: ggml-cpu/ops.cpp,
/// ggml-cpu/ggml-cpu.c).</summary>
internal static class LanguageModelTensors
{
    private const int Alignment = 32;

    /// <exception cref="ModelFileException">A tensor's type cannot be computed with, or one is missing that libllama would not miss until
    /// it is used.</exception>
    public static void Check(GgufParts parts, ArchitectureTable table)
    {
        CheckBlocks(parts, table);
        foreach ((GgufFile file, GgufTensor tensor) in parts.Tensors)
        {
            // The language model's file is mapped, and ggml asserts where its tensors lie (ggml-backend.cpp).
            if (tensor.DataOffset % Alignment != 0)
                throw LanguageModelFile.Damaged(
                    file,
                    $"tensor {GgufText.Quote(tensor.Name)} does not lie at a multiple of {Alignment} bytes"
                );
            // DeepSeek-V4 looks experts up by token: I32 [experts used, vocabulary] (src/models/deepseek4.cpp).
            if (tensor.Name.EndsWith(".ffn_gate_tid2eid.weight", StringComparison.Ordinal))
                continue;
            // Norms and biases meet float32 rows, and no kernel mixes types there.
            if (tensor.ElementCount == tensor.Shape[0] && tensor.Type != GgufTensorType.F32)
                throw LanguageModelFile.Damaged(
                    file,
                    $"tensor {GgufText.Quote(tensor.Name)} is a vector of type {tensor.Type} instead of F32"
                );
            if (
                tensor.Type
                is GgufTensorType.I8
                    or GgufTensorType.I16
                    or GgufTensorType.I32
                    or GgufTensorType.I64
                    or GgufTensorType.F64
                    or GgufTensorType.Q8_1
                    or GgufTensorType.Q8_K
            )
                throw LanguageModelFile.Damaged(file, $"tensor {GgufText.Quote(tensor.Name)} has the type {tensor.Type}");
        }
    }

    // The loader takes some tensors for optional that the graph does not.
    private static void CheckBlocks(GgufParts parts, ArchitectureTable table)
    {
        foreach ((_, GgufTensor tensor) in parts.Tensors)
        {
            if (!tensor.Name.StartsWith("blk.", StringComparison.Ordinal))
                continue;
            int end = tensor.Name.IndexOf('.', "blk.".Length) + 1;
            foreach (ArchitectureTensor rule in table.Tensors.Where(rule => rule.Beside == tensor.Name[end..]))
            {
                if (rule.Names.Any(name => parts.TryGetTensor($"{tensor.Name[..end]}{name}", out _)))
                    continue;
                throw new ModelFileException(
                    parts.First.Path,
                    $"tensor '{tensor.Name[..end]}{rule.Names[0]}' is missing: the file is damaged or badly converted, so download "
                        + "it again."
                );
            }
        }
    }
}
