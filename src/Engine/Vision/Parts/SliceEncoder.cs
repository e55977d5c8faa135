using Tessera.Compute;
using Tessera.Imaging;

namespace Tessera.Vision.Parts;

/// <summary>An encoder whose one graph makes features and rows of a batch of equal slices, whichever picture each is of.</summary>
internal abstract class SliceEncoder : IVisionEncoder
{
    private SliceBatcher? batcher;

    public abstract int EmbeddingWidth { get; }

    public int FeatureWidth => Tower.HiddenSize;

    public abstract int NodeCapacity { get; }

    protected abstract VisionTransformerConfig Tower { get; }

    // The largest slice that a family makes of any picture is, but for whole patches, that of a picture of the tower's size.
    public void Reserve(GraphRunner runner, Func<PixelSize, SlicePlan> plan)
    {
        var input = new PixelSize(Tower.ImageSize, Tower.ImageSize);
        Batcher(runner).Reserve(plan(input).Slices.MaxBy(static slice => slice.Size.Area)!.Size);
    }

    public virtual IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        PreparedSlice[] slices = [.. media.SelectMany(static item => item.Slices)];
        float[][] rows = Batcher(runner).Encode(slices, TowerOutput.Rows, progress, cancellationToken);
        var encoded = new EncodedMedia[media.Count];
        int first = 0;
        for (int index = 0; index < encoded.Length; index++)
            encoded[index] = new EncodedMedia(Merge(media[index].Plan, rows[first..(first += media[index].Slices.Count)]));
        return encoded;
    }

    public float[][] EncodeFeatures(
        PreparedMedia media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => Batcher(runner).Encode(media.Slices, TowerOutput.Features, progress, cancellationToken);

    public void Dispose() => batcher?.Dispose();

    /// <summary>Patches [patch * patch * 3, patches, slices] of slices of one size -> the tower's features and the connector's
    /// rows.</summary>
    protected abstract EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize);

    /// <summary>Rows of each slice [embedding, rows] -> the media's embeddings [embedding, tokens] in the order of the plan's layout:
    /// slice after slice, where a family does not say otherwise.</summary>
    protected virtual float[] Merge(SlicePlan plan, IReadOnlyList<float[]> sliceRows) => [.. sliceRows.SelectMany(static rows => rows)];

    private SliceBatcher Batcher(GraphRunner runner) =>
        batcher ??= new SliceBatcher(
            runner,
            Tower,
            (graph, patches, size, wanted) =>
            {
                EncoderOutputs outputs = Build(graph, patches, size);
                return wanted == TowerOutput.Features ? outputs.Features : outputs.Rows;
            }
        );
}

/// <summary>What a family's graph gives.</summary>
/// <param name="Features">The tower's output before the connector: [hidden, patches, slices].</param>
/// <param name="Rows">The connector's output: [embedding, rows, slices].</param>
internal readonly record struct EncoderOutputs(Tensor Features, Tensor Rows);
