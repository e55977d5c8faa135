using Tessera.Gguf;

namespace Tessera;

/// <summary>Element types that libllama accepts while loading but cannot compute with (ggml 0.25.1: ggml-cpu/ops.cpp, ggml-cpu/ggml-cpu.c).</summary>
internal static class LanguageModelTensors
{
    private const int Alignment = 32;

    /// <exception cref="ModelFileException">A tensor's type cannot be computed with, or one is missing that libllama would not miss until it is used.</exception>
    public static void Check(GgufParts parts, string architecture)
    {
        CheckAttention(parts, architecture);
        foreach ((GgufFile file, GgufTensor tensor) in parts.Tensors)
        {
            // The language model's file is mapped, and ggml asserts where its tensors lie (ggml-backend.cpp).
            if (tensor.DataOffset % Alignment != 0)
                throw LanguageModelFile.Damaged(file, $"tensor {GgufText.Quote(tensor.Name)} does not lie at a multiple of {Alignment} bytes");
            // DeepSeek-V4 looks experts up by token: I32 [experts used, vocabulary] (src/models/deepseek4.cpp).
            if (tensor.Name.EndsWith(".ffn_gate_tid2eid.weight", StringComparison.Ordinal)) continue;
            // Norms and biases meet float32 rows, and no kernel mixes types there.
            if (tensor.Shape.Length == 1 && tensor.Type != GgufTensorType.F32)
                throw LanguageModelFile.Damaged(file, $"tensor {GgufText.Quote(tensor.Name)} is a vector of type {tensor.Type} instead of F32");
            if (tensor.Type is GgufTensorType.I8 or GgufTensorType.I16 or GgufTensorType.I32 or GgufTensorType.I64 or GgufTensorType.F64 or GgufTensorType.Q8_1 or GgufTensorType.Q8_K)
                throw LanguageModelFile.Damaged(file, $"tensor {GgufText.Quote(tensor.Name)} has the type {tensor.Type}");
        }
    }

    // The loader takes phi3's attention for optional, its graph does not (src/models/phi3.cpp).
    private static void CheckAttention(GgufParts parts, string architecture)
    {
        if (architecture != "phi3") return;
        GgufFile file = parts.First;
        uint blockCount = file.Metadata.RequireUInt32("phi3.block_count");
        for (int block = 0; block < blockCount; block++)
        {
            if (!parts.TryGetTensor($"blk.{block}.attn_qkv.weight", out _) && !parts.TryGetTensor($"blk.{block}.attn_q.weight", out _))
                throw new ModelFileException(file.Path, $"tensor 'blk.{block}.attn_qkv.weight' is missing: the file is damaged or badly converted, so download it again.");
        }
    }
}
