using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>The activation between the two layers of a feed-forward network.</summary>
internal enum Activation
{
    QuickGelu,
    GeluErf,
    GeluTanh,
    Silu,
}

/// <summary>Builds activations.</summary>
internal static class ActivationBuilder
{
    public static Tensor Build(this Activation activation, Graph graph, Tensor x) =>
        activation switch
        {
            Activation.QuickGelu => graph.QuickGelu(x),
            Activation.GeluErf => graph.GeluErf(x),
            Activation.GeluTanh => graph.GeluTanh(x),
            _ => graph.Silu(x),
        };
}
