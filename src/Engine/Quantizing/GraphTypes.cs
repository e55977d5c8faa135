using Tessera.Gguf;

namespace Tessera.Quantizing;

/// <summary>
/// Which of a language model's tensors are quantized where libllama does not know the architecture, and so cannot say: all matrices, as of
/// a projector, and the head in six bits at least, as libllama's recipes have it (src/llama-quant.cpp, v0.5.0). What these mix beyond that
/// is left alone.
/// </summary>
internal static class GraphTypes
{
    private const string Head = "output.weight",
        Embeddings = "token_embd.weight";

    private static readonly GgufTensorType[] LargeEnough =
    [
        GgufTensorType.F32,
        GgufTensorType.F16,
        GgufTensorType.BF16,
        GgufTensorType.Q8_0,
        GgufTensorType.Q6_K,
    ];

    /// <summary>The types by the tensors' names.</summary>
    public static Dictionary<string, GgufTensorType> Find(QuantizationRecipe recipe, IReadOnlyList<GgufTensor> tensors)
    {
        string head = tensors.Any(static tensor => tensor.Name == Head) ? Head : Embeddings;
        return tensors.ToDictionary(
            static tensor => tensor.Name,
            tensor =>
                tensor.Name == head && ProjectorTypes.IsMatrix(tensor) && !LargeEnough.Contains(recipe.BaseType)
                    ? QuantizationRecipe.Fit(GgufTensorType.Q6_K, tensor.Shape[0])
                    : ProjectorTypes.Choose(tensor, recipe)
        );
    }
}
