using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>What the layers of a spatial vision aggregator look at.</summary>
/// <param name="Width">Width of a tower's projected feature, and of the layers.</param>
/// <param name="HeadCount">Attention heads.</param>
/// <param name="WindowSides">Side of a query's window in each tower's map, in cells.</param>
internal sealed record WindowShape(int Width, int HeadCount, IReadOnlyList<int> WindowSides)
{
    /// <summary>Cells of all windows of a query.</summary>
    public int CellCount => WindowSides.Sum(static side => side * side);

    /// <summary>
    /// Numbers that stand beside a query: the context [width], the windows' cells [width, cells], tower after tower, a bias of the scores
    /// for each cell, and 1 where the layers change the query, 0 where they leave it as it is.
    /// </summary>
    public int BesideWidth => Width * (1 + CellCount) + CellCount + 1;

    /// <summary>Takes apart what stands beside queries: [<see cref="BesideWidth"/>, queries].</summary>
    public SeenWindows Split(Graph graph, Tensor beside)
    {
        long queries = beside.Size(1);
        nuint row = beside.Stride(1),
            element = beside.Stride(0);
        var windows = new Tensor[WindowSides.Count];
        int first = Width;
        for (int tower = 0; tower < windows.Length; tower++)
        {
            int cells = WindowSides[tower] * WindowSides[tower];
            windows[tower] = Part(first, (Width, cells, queries, 1), (element * (nuint)Width, row, row * (nuint)queries));
            first += Width * cells;
        }

        return new SeenWindows(
            Part(0, (Width, queries, 1, 1), (row, row * (nuint)queries, row * (nuint)queries)),
            windows,
            Part(first, (CellCount, 1, 1, queries), (row, row, row)),
            Part(first + CellCount, (1, queries, 1, 1), (row, row * (nuint)queries, row * (nuint)queries))
        );

        Tensor Part(int start, (long, long, long, long) sizes, (nuint, nuint, nuint) strides) =>
            graph.Contiguous(graph.View(beside, sizes, strides, element * (nuint)start));
    }
}

/// <summary>What queries look at.</summary>
/// <param name="Context">The same for all queries of a picture: [width, queries].</param>
/// <param name="Windows">Of each tower: [width, cells, queries].</param>
/// <param name="Bias">Added to the scores, far below zero for cells that are padding: [cells, 1, 1, queries].</param>
/// <param name="Changes">1 or 0 for each query: [1, queries].</param>
internal readonly record struct SeenWindows(Tensor Context, IReadOnlyList<Tensor> Windows, Tensor Bias, Tensor Changes);

/// <summary>
/// A layer of the spatial vision aggregator: each query attends to its own window of every tower's map, and to nothing else. Source:
/// cambrian-mllm/cambrian 539ffc3, cambrian/model/vision_sampler.py, VisionCrossAttentionLayer. Names: docs/gguf.md.
/// </summary>
internal sealed class WindowSampler
{
    /// <summary>Nodes that <see cref="Build"/> adds at most for so many towers.</summary>
    public static int NodeCapacity(int towerCount) => 48 + 16 * towerCount;

    // torch.nn.LayerNorm's default.
    private const float NormEpsilon = 1e-5f;
    private readonly WindowShape shape;
    private readonly LinearWeights context; // [width, width]
    private readonly LinearWeights input; // [queries' width + width, width]
    private readonly NormWeights queryNorm;
    private readonly LinearWeights query;
    private readonly Tower[] towers;
    private readonly LinearWeights output; // [width, width]
    private readonly NormWeights norm;
    private readonly LinearWeights up; // [width, width]
    private readonly LinearWeights down; // [width, queries' width]

    /// <summary>Declares the weights, whose names begin with a prefix.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public WindowSampler(WindowShape shape, WeightStore weights, string prefix, int queryWidth)
    {
        this.shape = shape;
        int width = shape.Width;
        context = LinearWeights.Load(weights, prefix + "context", width, width);
        input = LinearWeights.Load(weights, prefix + "in", queryWidth + width, width);
        queryNorm = NormWeights.Load(weights, prefix + "q_norm", width);
        query = LinearWeights.Load(weights, prefix + "q", width, width);
        towers = [.. shape.WindowSides.Select((side, index) => LoadTower(weights, prefix, index, side * side))];
        output = LinearWeights.Load(weights, prefix + "out", width, width);
        norm = NormWeights.Load(weights, prefix + "norm", width);
        up = LinearWeights.Load(weights, prefix + "up", width, width);
        down = LinearWeights.Load(weights, prefix + "down", width, queryWidth);
    }

    /// <summary>What is to be added to queries [queries' width, n], of the same shape.</summary>
    public Tensor Build(Graph graph, Tensor queries, SeenWindows seen)
    {
        Tensor x = input.Build(graph, graph.Concat(queries, context.Build(graph, seen.Context), 0)); // [width, n]
        x = graph.Add(x, output.Build(graph, Attend(graph, x, seen)));
        x = norm.Build(graph, x, NormEpsilon);
        return down.Build(graph, graph.GeluErf(up.Build(graph, x)));
    }

    private Tensor Attend(Graph graph, Tensor x, SeenWindows seen)
    {
        Tensor keys = default,
            values = default;
        for (int index = 0; index < towers.Length; index++)
        {
            (Tensor key, Tensor value) = towers[index].Build(graph, seen.Windows[index]);
            keys = index == 0 ? key : graph.Concat(keys, key, 1);
            values = index == 0 ? value : graph.Concat(values, value, 1);
        }

        long heads = shape.HeadCount,
            head = shape.Width / heads,
            count = x.Size(1),
            cells = shape.CellCount;
        keys = graph.Contiguous(graph.Permute(graph.Reshape(keys, head, heads, cells, count), 0, 2, 1, 3)); // [head, cells, heads, n]
        values = graph.Contiguous(graph.Permute(graph.Reshape(values, head, heads, cells, count), 1, 2, 0, 3)); // [cells, head, heads, n]
        Tensor q = graph.Reshape(query.Build(graph, queryNorm.Build(graph, x, NormEpsilon)), head, 1, heads, count);
        Tensor scores = graph.Scale(graph.Product(keys, q), 1 / MathF.Sqrt(head)); // [cells, 1, heads, n]
        scores = graph.Softmax(graph.Add(scores, seen.Bias), 1);
        return graph.Reshape(graph.Product(values, scores), shape.Width, count);
    }

    private Tower LoadTower(WeightStore weights, string prefix, int index, int cells) =>
        new(
            cells > 1 ? weights.Values($"{prefix}pos.{index}", shape.Width, cells) : default,
            NormWeights.Load(weights, $"{prefix}k_norm.{index}", shape.Width),
            LinearWeights.Load(weights, $"{prefix}k.{index}", shape.Width, shape.Width),
            NormWeights.Load(weights, $"{prefix}v_norm.{index}", shape.Width),
            LinearWeights.Load(weights, $"{prefix}v.{index}", shape.Width, shape.Width)
        );

    private sealed record Tower(Tensor Positions, NormWeights KeyNorm, LinearWeights Key, NormWeights ValueNorm, LinearWeights Value)
    {
        // [width, cells, n] -> keys and values of the same shape.
        public (Tensor Key, Tensor Value) Build(Graph graph, Tensor cells)
        {
            if (!Positions.IsNull)
                cells = graph.Add(cells, Positions);
            return (
                Key.Build(graph, KeyNorm.Build(graph, cells, NormEpsilon)),
                Value.Build(graph, ValueNorm.Build(graph, cells, NormEpsilon))
            );
        }
    }
}
