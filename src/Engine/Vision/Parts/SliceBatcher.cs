using Tessera.Compute;
using Tessera.Imaging;

namespace Tessera.Vision.Parts;

/// <summary>
/// Runs slices through an encoder's graph: equal sizes together, as many as a memory bound allows. The graph of the last batch is kept,
/// and runs again if the next one has its shape.
/// </summary>
/// <param name="runner">Runs the graphs.</param>
/// <param name="tower">Size of a patch, and what a slice costs.</param>
/// <param name="build">Patches [patch * patch * 3, patches, slices] of slices of a size -> what is wanted of them.</param>
internal sealed class SliceBatcher(
    GraphRunner runner,
    VisionTransformerConfig tower,
    Func<Graph, Tensor, PixelSize, TowerOutput, Tensor> build
) : IDisposable
{
    // A graph takes some 40 MB for a slice of ViT-L at 336 pixels. A few slices fill a processor's kernels, a GPU's take many.
    private const long MaxProcessorGraphBytes = 128L << 20;
    private const long MaxGpuGraphBytes = 1L << 30;
    private const int MaxBatchLength = 64;
    private BatchGraph? kept;

    private int PatchLength => 3 * tower.PatchSize * tower.PatchSize;

    /// <summary>Takes the memory of the largest batch, so that a lack of it shows before the first picture.</summary>
    /// <param name="largest">The largest slice that the family makes.</param>
    /// <exception cref="NativeLibraryException">There is not enough memory; the message says how much was wanted.</exception>
    public void Reserve(PixelSize largest)
    {
        BatchGraph batch = GraphFor(new BatchShape(largest, BatchLength(largest), TowerOutput.Rows));
        runner.Reserve(batch.Graph, $"{batch.Shape.Count} slices of {largest.Width} x {largest.Height}");
    }

    /// <summary>Slices -> what is wanted of each, in order: features [hidden, patches] or rows [embedding, rows].</summary>
    /// <param name="slices">The slices.</param>
    /// <param name="wanted">What to compute.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    public float[][] Encode(
        IReadOnlyList<PreparedSlice> slices,
        TowerOutput wanted,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        var encoded = new float[slices.Count][];
        int done = 0;
        using var memory = new ScratchMemory();
        foreach (IGrouping<PixelSize, int> group in Enumerable.Range(0, slices.Count).GroupBy(index => slices[index].Size))
        {
            foreach (int[] batch in group.Chunk(BatchLength(group.Key)))
            {
                BatchGraph graph = GraphFor(new BatchShape(group.Key, batch.Length, wanted));
                Run(graph, [.. batch.Select(index => slices[index])], memory, cancellationToken);
                for (int index = 0; index < batch.Length; index++)
                    encoded[batch[index]] = graph.ReadResult(index);
                progress?.Report((double)(done += batch.Length) / slices.Count);
            }
        }

        return encoded;
    }

    public void Dispose() => kept?.Dispose();

    private int BatchLength(PixelSize size)
    {
        long tokens = size.Area / ((long)tower.PatchSize * tower.PatchSize) + 1;
        long bytes = sizeof(float) * tokens * (10L * tower.HiddenSize + 2L * tower.FeedForwardSize);
        return (int)Math.Clamp((runner.IsOnProcessor ? MaxProcessorGraphBytes : MaxGpuGraphBytes) / bytes, 1, MaxBatchLength);
    }

    private void Run(BatchGraph batch, PreparedSlice[] slices, ScratchMemory memory, CancellationToken cancellationToken)
    {
        runner.Place(batch.Graph);
        Span<float> patches = memory.Floats(checked((int)(batch.Patches.ElementCount / slices.Length)));
        for (int index = 0; index < slices.Length; index++)
        {
            PatchCutter.Cut(slices[index], tower.PatchSize, patches);
            Graph.Write(batch.Patches, patches, (long)index * patches.Length);
        }

        runner.Run(batch.Graph, cancellationToken);
    }

    private BatchGraph GraphFor(BatchShape shape)
    {
        if (kept?.Shape == shape)
            return kept;
        kept?.Dispose();
        kept = null;
        return kept = Build(shape);
    }

    private BatchGraph Build(BatchShape shape)
    {
        int patchCount = shape.SliceSize.Width / tower.PatchSize * (shape.SliceSize.Height / tower.PatchSize);
        Graph graph = runner.NewGraph();
        Tensor patches = graph.Input("patches", PatchLength, patchCount, shape.Count);
        return new BatchGraph(shape, graph, patches, graph.Output(build(graph, patches, shape.SliceSize, shape.Wanted)));
    }

    /// <summary>All that a graph depends on, but for the weights.</summary>
    private readonly record struct BatchShape(PixelSize SliceSize, int Count, TowerOutput Wanted);

    private sealed record BatchGraph(BatchShape Shape, Graph Graph, Tensor Patches, Tensor Result) : IDisposable
    {
        public float[] ReadResult(int sliceIndex)
        {
            long length = Result.ElementCount / Shape.Count;
            return Graph.Read(Result, sliceIndex * length, length);
        }

        public void Dispose() => Graph.Dispose();
    }
}

/// <summary>What is wanted of a slice.</summary>
internal enum TowerOutput
{
    /// <summary>The connector's output: [embedding, rows].</summary>
    Rows,

    /// <summary>The tower's output: [hidden, patches].</summary>
    Features,
}
