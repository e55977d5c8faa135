using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.LlavaNext;

/// <summary>
/// The tower and connector on every slice, then the merge: the overview's rows, and the tiles' rows as one map without its padding, a
/// newline embedding after each of its rows. Source: haotian-liu/LLaVA, llava/model/llava_arch.py, prepare_inputs_labels_for_multimodal;
/// for the reduced map LLaVA-VL/LLaVA-NeXT, the same file.
/// </summary>
internal sealed class LlavaNextEncoder : SliceEncoder
{
    private readonly LlavaNextConfig config;
    private readonly bool likeTransformers;
    private readonly VisionTransformer tower;
    private readonly MlpConnector connector; // [hidden] -> [embedding]
    private readonly float[] newline; // [embedding], empty where the merge has none

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public LlavaNextEncoder(LlavaNextConfig config, Preprocessing preprocessing, WeightStore weights)
    {
        this.config = config;
        likeTransformers = preprocessing == Preprocessing.Transformers;
        tower = new VisionTransformer(config.Tower, weights);
        connector = new MlpConnector(config.Connector, weights);
        newline = config.NewlineTensor is null ? [] : weights.HostValues(config.NewlineTensor, config.Connector.Outputs);
    }

    public override int EmbeddingWidth => config.Connector.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override int NodeCapacity => tower.NodeCapacity + 16;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, patches,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = tower.Build(graph, patches);
        return new EncoderOutputs(features, connector.Build(graph, features));
    }

    /// <summary>Videos whose features are pooled before the connector go by themselves: the tower, the pooling, the connector.</summary>
    public override IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        if (!config.Video.IsBeforeConnector || media.All(static item => item.Plan.FrameCount == 0))
            return base.Encode(media, runner, progress, cancellationToken);
        if (media.Count > 1)
            return [.. media.SelectMany(item => Encode([item], runner, progress, cancellationToken))];
        float[][] features = EncodeFeatures(media[0], runner, progress, cancellationToken);
        List<float[]> pooled = [.. features.Select(frame => Pool(frame, config.Tower.HiddenSize).Values)];
        return [new EncodedMedia(MergeFrames(media[0].Plan, ConnectEach(pooled, runner, cancellationToken)))];
    }

    protected override float[] Merge(SlicePlan plan, IReadOnlyList<float[]> sliceRows)
    {
        if (plan.FrameCount > 0)
            return MergeFrames(plan, [.. sliceRows.Select(rows => Pool(rows, EmbeddingWidth).Values)]);
        var embeddings = new float[(long)plan.ImageTokenCount * EmbeddingWidth];
        var target = new EmbeddingWriter(embeddings, newline);
        if (config.NewlineOnOverview && sliceRows.Count > 1)
            target.AddMap(FeatureMap.FromTiles([sliceRows[0]], 1, config.Tower.PatchesPerSide, EmbeddingWidth));
        else
            target.Add(sliceRows[0]);
        if (sliceRows.Count == 1)
            target.AddNewline();
        else if (config.Merge == PatchMerge.Flat)
            AddTiles(target, sliceRows);
        else
            AddMap(target, plan, [.. sliceRows.Skip(1)]);
        return target.Finish();
    }

    private FeatureMap Pool(float[] frame, int width) => config.Video.Pool(frame, config.Tower.PatchesPerSide, width);

    // Rows of pooled frames [embedding, side * side], with newlines where the layout has them.
    private float[] MergeFrames(SlicePlan plan, List<float[]> frames)
    {
        var target = new EmbeddingWriter(new float[(long)plan.ImageTokenCount * EmbeddingWidth], newline);
        int frame = 0,
            first = 0;
        foreach (LayoutSpan span in plan.Layout)
        {
            if (span.Kind == "newline")
            {
                target.AddNewline();
                continue;
            }

            int length = span.RowCount * EmbeddingWidth;
            target.Add(frames[frame].AsSpan(first, length));
            first += length;
            if (first < frames[frame].Length)
                continue;
            (frame, first) = (frame + 1, 0);
        }

        return target.Finish();
    }

    // Pooled features of each frame [hidden, cells] -> rows [embedding, cells], one frame after another in a graph of one.
    private List<float[]> ConnectEach(List<float[]> frames, GraphRunner runner, CancellationToken cancellationToken)
    {
        int hidden = config.Tower.HiddenSize,
            cells = frames[0].Length / hidden;
        using Graph graph = runner.NewGraph();
        Tensor input = graph.Input("pooled", hidden, cells, 1);
        Tensor output = graph.Output(connector.Build(graph, input));
        var rows = new List<float[]>(frames.Count);
        foreach (float[] frame in frames)
        {
            runner.Place(graph);
            Graph.Write(input, frame, 0);
            runner.Run(graph, cancellationToken);
            rows.Add(Graph.Read(output, 0, (long)cells * EmbeddingWidth));
        }

        return rows;
    }

    private static void AddTiles(EmbeddingWriter target, IReadOnlyList<float[]> sliceRows)
    {
        for (int index = 1; index < sliceRows.Count; index++)
            target.Add(sliceRows[index]);
    }

    private void AddMap(EmbeddingWriter target, SlicePlan plan, IReadOnlyList<float[]> tiles)
    {
        CanvasFit fit = config.Fit(plan.Image, plan.Refined);
        LlavaNextMap size = LlavaNextMap.Plan(config, plan.Image, fit, likeTransformers);
        FeatureMap map = FeatureMap.FromTiles(tiles, plan.Columns, config.Tower.PatchesPerSide, EmbeddingWidth);
        target.AddMap(map.Crop(size.Kept).ResizeBilinear(size.Columns, size.Rows));
    }

    /// <summary>Writes embeddings one after another.</summary>
    private sealed class EmbeddingWriter(float[] embeddings, float[] newline)
    {
        private int position;

        public void Add(ReadOnlySpan<float> rows)
        {
            rows.CopyTo(embeddings.AsSpan(position));
            position += rows.Length;
        }

        public void AddNewline() => Add(newline);

        /// <summary>The map row by row, a newline after each where the family has them.</summary>
        public void AddMap(FeatureMap map)
        {
            for (int row = 0; row < map.Rows; row++)
            {
                Add(map.Row(row));
                AddNewline();
            }
        }

        public float[] Finish() =>
            position == embeddings.Length
                ? embeddings
                : throw new InvalidOperationException($"The merge made {position} values, and the plan has {embeddings.Length}.");
    }
}
