using Tessera.Compute;
using Tessera.Imaging;

namespace Tessera.Models;

/// <summary>
/// Runs slices through an encoder's graph: equal sizes together, as many as a memory bound allows.
/// </summary>
internal sealed class SliceBatcher(IVisionEncoder encoder, GraphRunner runner)
{
    // A graph takes some 40 MB for a slice of ViT-L at 336 pixels. A few slices fill a processor's kernels, a GPU's take many.
    private const long MaxProcessorGraphBytes = 256L << 20;
    private const long MaxGpuGraphBytes = 1L << 30;

    /// <summary>Slices of one size -> features and rows of each slice, in order.</summary>
    /// <param name="slices">The slices.</param>
    /// <param name="progress">Told the fraction of slices done.</param>
    /// <param name="cancellationToken">Stops within one node of the graph.</param>
    public List<EncodedSlice> Encode(IReadOnlyList<PreparedSlice> slices, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var encoded = new EncodedSlice[slices.Count];
        int done = 0;
        foreach (IGrouping<PixelSize, int> group in Enumerable.Range(0, slices.Count).GroupBy(index => slices[index].Size))
        {
            foreach (int[] batch in group.Chunk(BatchLength(group.Key)))
            {
                EncodedSlice[] results = EncodeBatch([.. batch.Select(index => slices[index])], cancellationToken);
                for (int index = 0; index < batch.Length; index++) encoded[batch[index]] = results[index];
                progress?.Report((double)(done += batch.Length) / slices.Count);
            }
        }

        return [.. encoded];
    }

    private int BatchLength(PixelSize size)
    {
        VisionTransformerConfig tower = encoder.Tower;
        long tokens = size.Area / ((long)tower.PatchSize * tower.PatchSize) + 1;
        long bytes = sizeof(float) * tokens * (10L * tower.HiddenSize + 2L * tower.FeedForwardSize);
        return (int)Math.Clamp((runner.IsOnProcessor ? MaxProcessorGraphBytes : MaxGpuGraphBytes) / bytes, 1, 64);
    }

    private EncodedSlice[] EncodeBatch(PreparedSlice[] batch, CancellationToken cancellationToken)
    {
        int patchSize = encoder.Tower.PatchSize;
        int patchCount = batch[0].Size.Width / patchSize * (batch[0].Size.Height / patchSize), patchLength = 3 * patchSize * patchSize;
        var patches = new float[(long)batch.Length * patchCount * patchLength];
        for (int index = 0; index < batch.Length; index++)
            PatchCutter.Cut(batch[index], patchSize, patches.AsSpan(index * patchCount * patchLength, patchCount * patchLength));

        using var graph = runner.NewGraph();
        EncoderOutputs outputs = encoder.Build(graph, graph.Input("patches", patches, patchLength, patchCount, batch.Length), batch[0].Size);
        graph.Output(outputs.Features);
        graph.Output(outputs.Rows);
        runner.Run(graph, cancellationToken);
        return Split(Graph.Read(outputs.Features), Graph.Read(outputs.Rows), batch.Length);
    }

    private static EncodedSlice[] Split(float[] features, float[] rows, int count)
    {
        int featureLength = features.Length / count, rowLength = rows.Length / count;
        return [.. Enumerable.Range(0, count).Select(index => new EncodedSlice(
            features[(index * featureLength)..((index + 1) * featureLength)],
            rows[(index * rowLength)..((index + 1) * rowLength)]))];
    }
}

/// <summary>What became of one slice.</summary>
/// <param name="Features">The tower's output: [hidden, patches].</param>
/// <param name="Rows">The connector's output: [embedding, rows].</param>
internal sealed record EncodedSlice(float[] Features, float[] Rows);
