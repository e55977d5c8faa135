namespace Tessera.Compute;

/// <summary>What adapters add to the products of weights: scale * up (down x), without touching the weights (LoRA; Hu et al., arXiv
/// 2106.09685).</summary>
internal sealed unsafe class LowRankAdditions
{
    // Two products, a scaling and a sum.
    private const int NodesEach = 4;
    private readonly Dictionary<nint, List<Addition>> ofWeights = [];

    /// <summary>Nodes that they add to a graph at most, where each weight is multiplied once.</summary>
    public int NodeCount => NodesEach * ofWeights.Values.Sum(static additions => additions.Count);

    /// <summary>Adds to the products of a weight [inputs, outputs].</summary>
    /// <param name="weight">The weight.</param>
    /// <param name="down">[inputs, rank].</param>
    /// <param name="up">[rank, outputs].</param>
    /// <param name="scale">Factor of what is added.</param>
    public void Add(Tensor weight, Tensor down, Tensor up, float scale)
    {
        if (!ofWeights.TryGetValue((nint)weight.Native, out List<Addition>? additions))
            ofWeights.Add((nint)weight.Native, additions = []);
        additions.Add(new Addition(down, up, scale));
    }

    /// <summary>A product weight x [outputs, n] with what is added to it.</summary>
    public Tensor AddTo(Graph graph, Tensor product, Tensor weight, Tensor x)
    {
        if (ofWeights.TryGetValue((nint)weight.Native, out List<Addition>? additions))
            foreach (Addition addition in additions)
                product = graph.Add(product, graph.Scale(graph.MatMul(addition.Up, graph.MatMul(addition.Down, x)), addition.Scale));
        return product;
    }

    private sealed record Addition(Tensor Down, Tensor Up, float Scale);
}
