using Tessera.Compute;
using Tessera.Gguf;

namespace Tessera.Models;

/// <summary>The layers that bring a tower's features to the width of the language model.</summary>
internal static class Connectors
{
    public static Tensor Activate(Graph graph, Tensor x, Activation activation) => activation switch
    {
        Activation.QuickGelu => graph.QuickGelu(x),
        Activation.GeluErf => graph.GeluErf(x),
        Activation.GeluTanh => graph.GeluTanh(x),
        _ => graph.Silu(x),
    };

    /// <summary>Outputs of a weight matrix [inputs, outputs] in the file.</summary>
    /// <exception cref="ModelFileException">It is missing or no matrix, or its inputs differ from the tower's width.</exception>
    public static int OutputCount(GgufFile file, string name, int inputs)
    {
        if (!file.TryGetTensor(name, out GgufTensor? tensor)) throw new ModelFileException(file.Path, $"tensor '{name}' is missing.");
        if (tensor.Shape.Length < 2 || tensor.Shape[0] != inputs || tensor.Shape[1] is <= 0 or > 1 << 20)
            throw new ModelFileException(file.Path, $"tensor '{name}' has shape {string.Join(" x ", tensor.Shape)}, not {inputs} x the language model's width.");
        return (int)tensor.Shape[1];
    }
}
