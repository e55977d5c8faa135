using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Vision.Parts;

/// <summary>
/// The dimensions of the LLaVA line's connector: one linear layer (LLaVA-1); two with GELU between (LLaVA-1.5 and later); or two
/// with a layer norm after each (Yi-VL and files converted as mlp_norm).
/// </summary>
internal sealed record MlpConnectorConfig(int Inputs, int Inner, int Outputs, MlpKind Kind)
{
    private const string DefaultPrefix = "mm";

    /// <summary>What the tensors' names begin with.</summary>
    public string Prefix { get; init; } = DefaultPrefix;

    /// <exception cref="ModelFileException">A tensor is missing or its shape does not fit the tower.</exception>
    public static MlpConnectorConfig Read(GgufFile file, int towerWidth, string prefix = DefaultPrefix)
    {
        bool hasNorms = file.TryGetTensor($"{prefix}.1.weight", out _) && file.TryGetTensor($"{prefix}.3.weight", out _);
        MlpKind kind =
            hasNorms ? MlpKind.Normed
            : file.TryGetTensor($"{prefix}.2.weight", out _) ? MlpKind.TwoLayers
            : MlpKind.Linear;
        int inner = OutputCount(file, $"{prefix}.0.weight", towerWidth);
        string? last = kind switch
        {
            MlpKind.Normed => $"{prefix}.3.weight",
            MlpKind.TwoLayers => $"{prefix}.2.weight",
            _ => null,
        };
        return new MlpConnectorConfig(towerWidth, inner, last is null ? inner : OutputCount(file, last, inner), kind) { Prefix = prefix };
    }

    /// <summary>Outputs of a linear layer of a connector.</summary>
    /// <exception cref="ModelFileException">The tensor is missing, or does not take so many inputs.</exception>
    public static int OutputCount(GgufFile file, string name, int inputs)
    {
        if (!file.TryGetTensor(name, out GgufTensor? tensor))
            throw new ModelFileException(file.Path, $"tensor '{name}' is missing.");
        if (tensor.Shape.Length < 2 || tensor.Shape[0] != inputs || tensor.Shape[1] is <= 0 or > 1 << 20)
            throw new ModelFileException(
                file.Path,
                $"tensor '{name}' has shape {string.Join(" x ", tensor.Shape)}, not {inputs} x the language model's width."
            );
        return (int)tensor.Shape[1];
    }
}

/// <summary>The layers of a LLaVA connector.</summary>
internal enum MlpKind
{
    Linear,
    TwoLayers,
    Normed,
}

/// <summary>
/// Brings features to the width of the language model. Source: haotian-liu/LLaVA, llava/model/multimodal_projector/builder.py
/// (linear, mlp2x_gelu; GELU in the erf form); 01-ai/Yi, VL/llava/model/multimodal_projector/builder.py (mlp2x_gelu_Norm).
/// </summary>
internal sealed class MlpConnector
{
    // torch.nn.LayerNorm's default, which Yi-VL's projector takes.
    private const float NormEpsilon = 1e-5f;
    private readonly MlpKind kind;
    private readonly LinearWeights first; // [inputs, inner]
    private readonly NormWeights firstNorm; // [inner]
    private readonly LinearWeights second; // [inner, outputs]
    private readonly NormWeights secondNorm; // [outputs]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public MlpConnector(MlpConnectorConfig config, WeightStore weights)
    {
        kind = config.Kind;
        string prefix = config.Prefix;
        first = LinearWeights.Load(weights, $"{prefix}.0", config.Inputs, config.Inner);
        if (kind == MlpKind.Linear)
            return;
        second = LinearWeights.Load(weights, kind == MlpKind.Normed ? $"{prefix}.3" : $"{prefix}.2", config.Inner, config.Outputs);
        if (kind != MlpKind.Normed)
            return;
        firstNorm = NormWeights.Load(weights, $"{prefix}.1", config.Inner);
        secondNorm = NormWeights.Load(weights, $"{prefix}.4", config.Outputs);
    }

    /// <summary>[inputs, n, ...] -> [outputs, n, ...].</summary>
    public Tensor Build(Graph graph, Tensor x)
    {
        x = first.Build(graph, x);
        if (kind == MlpKind.Linear)
            return x;
        if (kind == MlpKind.Normed)
            x = firstNorm.Build(graph, x, NormEpsilon);
        x = second.Build(graph, graph.GeluErf(x));
        return kind == MlpKind.Normed ? secondNorm.Build(graph, x, NormEpsilon) : x;
    }
}
