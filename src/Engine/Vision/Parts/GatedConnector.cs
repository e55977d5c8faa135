using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>What the tensors of a gated connector are called.</summary>
/// <param name="Project">The first linear layer.</param>
/// <param name="Norm">The layer norm behind it.</param>
/// <param name="Gate">Into the gate.</param>
/// <param name="Up">Into the other half.</param>
/// <param name="Down">Out of both.</param>
internal sealed record GatedConnectorNames(string Project, string Norm, string Gate, string Up, string Down)
{
    /// <summary>As llama.cpp names GLM-edge's adapter (v0.5.0, tools/mtmd/clip-impl.h, TN_GLM_*).</summary>
    public static GatedConnectorNames Adapter { get; } =
        new(
            "adapter.linear.linear",
            "adapter.linear.norm1",
            "adapter.linear.gate",
            "adapter.linear.dense_h_to_4h",
            "adapter.linear.dense_4h_to_h"
        );

    /// <summary>As llama.cpp names CogVLM's (v0.5.0, tools/mtmd/clip-impl.h).</summary>
    public static GatedConnectorNames CogVlm { get; } = new("mm.model.fc", "mm.post_fc_norm", "mm.gate", "mm.up", "mm.down");
}

/// <summary>
/// A linear layer, layer norm and GELU, then a gated feed-forward network (SiLU). Source: THUDM/glm-4v-9b and THUDM/cogvlm2, visual.py,
/// GLU.
/// </summary>
internal sealed class GatedConnector
{
    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = 16;

    // torch.nn.LayerNorm's default.
    private const float NormEpsilon = 1e-5f;
    private readonly LinearWeights project; // [inputs, width]
    private readonly NormWeights norm; // [width]
    private readonly LinearWeights gate; // [width, inner]
    private readonly LinearWeights up; // [width, inner]
    private readonly LinearWeights down; // [inner, width]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public GatedConnector(GatedConnectorNames names, WeightStore weights, int inputs, int width, int inner)
    {
        project = LinearWeights.Load(weights, names.Project, inputs, width);
        norm = NormWeights.Load(weights, names.Norm, width);
        gate = LinearWeights.Load(weights, names.Gate, width, inner);
        up = LinearWeights.Load(weights, names.Up, width, inner);
        down = LinearWeights.Load(weights, names.Down, inner, width);
    }

    /// <summary>[inputs, n, ...] -> [width, n, ...].</summary>
    public Tensor Build(Graph graph, Tensor x)
    {
        x = graph.GeluErf(norm.Build(graph, project.Build(graph, x), NormEpsilon));
        return down.Build(graph, graph.Multiply(graph.Silu(gate.Build(graph, x)), up.Build(graph, x)));
    }
}
