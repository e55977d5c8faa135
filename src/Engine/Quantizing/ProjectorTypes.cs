using Tessera.Gguf;

namespace Tessera.Quantizing;

/// <summary>
/// Which of a projector's tensors are quantized: its matrices. Norms, biases, positions, queries, patch kernels and small matrices
/// stay, as they cost little and matter much.
/// </summary>
internal static class ProjectorTypes
{
    // Sides below this are classes, gates and the like.
    private const int SmallestSide = 64;
    private static readonly string[] Kept =
    [
        "norm",
        ".ln",
        "ln_",
        "_ln",
        "position",
        "pos_embed",
        "patch_embd",
        "patch_embed",
        "class_embd",
        "query",
        "newline",
    ];

    /// <summary>The type that a tensor gets.</summary>
    public static GgufTensorType Choose(GgufTensor tensor, QuantizationRecipe recipe) =>
        IsMatrix(tensor) ? QuantizationRecipe.Fit(recipe.BaseType, tensor.Shape[0]) : tensor.Type;

    /// <summary>Whether a tensor is a matrix that products read.</summary>
    public static bool IsMatrix(GgufTensor tensor) =>
        tensor.Shape.Count(static length => length > 1) == 2
        && tensor.Shape[0] >= SmallestSide
        && tensor.Shape[1] >= SmallestSide
        && tensor.Name.EndsWith(".weight", StringComparison.Ordinal)
        && !Kept.Any(part => tensor.Name.Contains(part, StringComparison.Ordinal));
}
