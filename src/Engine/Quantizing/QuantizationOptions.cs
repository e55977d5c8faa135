using Tessera.Gguf;

namespace Tessera;

/// <summary>How a model is quantized.</summary>
public sealed record QuantizationOptions
{
    /// <summary>The recipe: a name such as Q4_K_M, Q8_0 or IQ4_XS; <see cref="Quantizer.Recipes"/> lists them.</summary>
    public required string Recipe { get; init; }

    /// <summary>Tensors that get a type of their own; of several rules that fit a name, the first.</summary>
    public IReadOnlyList<TensorRule> Keep { get; init; } = [];

    /// <summary>A file that says which inputs matter, as llama.cpp's imatrix program writes it; null for none.</summary>
    public string? ImportancePath { get; init; }

    /// <summary>CPU threads; 0 takes as many as there are processors.</summary>
    public int ThreadCount { get; init; }

    /// <summary>How a language model is first tried in a process of its own; null leaves it untried.</summary>
    public ModelTrial? Trial { get; init; }
}

/// <summary>A type for all tensors whose name a pattern finds.</summary>
/// <param name="Pattern">A regular expression that is looked for in the name, such as <c>attn_v</c> or <c>^output\.weight$</c>.</param>
/// <param name="Type">The name of a tensor type, such as Q8_0 or F16.</param>
public sealed record TensorRule(string Pattern, string Type);

/// <summary>How far a quantization is.</summary>
/// <param name="DoneBytes">Bytes of the source's tensors that are done.</param>
/// <param name="TotalBytes">Bytes that will be.</param>
/// <param name="Tensor">The tensor at work.</param>
public sealed record QuantizationProgress(long DoneBytes, long TotalBytes, string Tensor);

/// <summary>What becomes of a tensor.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its lengths, the fastest varying dimension first.</param>
/// <param name="SourceType">How it is stored.</param>
/// <param name="Type">How it will be.</param>
/// <param name="SourceBytes">The bytes it takes.</param>
/// <param name="Bytes">The bytes it will.</param>
public sealed record QuantizedTensor(
    string Name,
    IReadOnlyList<long> Shape,
    GgufTensorType SourceType,
    GgufTensorType Type,
    long SourceBytes,
    long Bytes
);

/// <summary>What becomes of a file.</summary>
/// <param name="SourcePath">The file.</param>
/// <param name="IsProjector">Whether it is a vision projector and no language model.</param>
/// <param name="Recipe">The recipe by its full name.</param>
/// <param name="Tensors">Its tensors, in order.</param>
public sealed record QuantizationPlan(string SourcePath, bool IsProjector, string Recipe, IReadOnlyList<QuantizedTensor> Tensors)
{
    /// <summary>Bytes of all tensors as they are.</summary>
    public long SourceBytes => Tensors.Sum(static tensor => tensor.SourceBytes);

    /// <summary>Bytes of all tensors as they will be.</summary>
    public long Bytes => Tensors.Sum(static tensor => tensor.Bytes);
}
