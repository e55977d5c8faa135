using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>A linear layer: weight [inputs, outputs] and an optional bias [outputs].</summary>
internal readonly record struct LinearWeights(Tensor Weight, Tensor Bias)
{
    public bool IsNull => Weight.IsNull;

    /// <exception cref="ModelFileException">The weight is missing or has another shape.</exception>
    public static LinearWeights Load(WeightStore weights, string name, int inputs, int outputs) =>
        new(weights.Matrix($"{name}.weight", inputs, outputs), weights.OptionalValues($"{name}.bias", outputs));

    /// <summary>A layer with zeros around its weight and behind its bias: [paddedInputs, paddedOutputs].</summary>
    /// <exception cref="ModelFileException">The weight is missing or has another shape.</exception>
    public static LinearWeights LoadPadded(
        WeightStore weights,
        string name,
        int inputs,
        int outputs,
        int paddedInputs,
        int paddedOutputs
    ) =>
        new(
            weights.PaddedMatrix($"{name}.weight", inputs, outputs, paddedInputs, paddedOutputs),
            weights.OptionalPaddedValues($"{name}.bias", outputs, paddedOutputs)
        );

    /// <summary>Whether layers of equal shape can be stacked: one element type, and biases on all or on none.</summary>
    public static bool CanJoin(WeightStore weights, IReadOnlyList<string> names) =>
        weights.CanJoin(names.Select(static name => $"{name}.weight"))
        && names.Select(name => weights.Has($"{name}.bias")).Distinct().Count() == 1;

    /// <summary>Stacks layers along their outputs: [inputs, n * outputs].</summary>
    /// <exception cref="ModelFileException">A weight is missing or has another shape.</exception>
    public static LinearWeights LoadJoined(WeightStore weights, IReadOnlyList<string> names, int inputs, int outputs)
    {
        Tensor weight = weights.JoinedMatrix([.. names.Select(static name => $"{name}.weight")], inputs, outputs);
        Tensor bias = weights.Has($"{names[0]}.bias")
            ? weights.JoinedValues([.. names.Select(static name => $"{name}.bias")], outputs)
            : default;
        return new LinearWeights(weight, bias);
    }

    /// <summary>[inputs, n, ...] -> [outputs, n, ...].</summary>
    public Tensor Build(Graph graph, Tensor x)
    {
        Tensor product = graph.Project(Weight, x);
        return Bias.IsNull ? product : graph.Add(product, Bias);
    }
}
