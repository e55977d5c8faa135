using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Vila;

/// <summary>
/// Pictures at several scales: one graph makes the tower's features of all slices, these are brought to one map, and a second graph makes
/// tokens of each of its tiles. Source: NVlabs/VILA, llava/model/llava_arch.py, encode_images and merge_features_for_dynamic_s2;
/// bfshi/scaling_on_scales, s2wrapper/core.py.
/// </summary>
internal sealed class VilaScaleEncoder : IVisionEncoder
{
    private static readonly TileGrid Single = new(1, 1);
    private readonly VilaConfig config;
    private readonly VisionTransformer tower;
    private readonly DownsampleConnector connector;
    private SliceBatcher? batcher;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public VilaScaleEncoder(VilaConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        connector = new DownsampleConnector(config.Connector, config.Shuffle, weights);
    }

    public int EmbeddingWidth => config.Connector.Outputs;

    public int FeatureWidth => config.Tower.HiddenSize;

    public int NodeCapacity => tower.NodeCapacity + DownsampleConnector.NodeCapacity;

    public void Reserve(GraphRunner runner, Func<PixelSize, SlicePlan> plan) =>
        Batcher(runner).Reserve(new PixelSize(config.Tower.ImageSize, config.Tower.ImageSize));

    public IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        PreparedSlice[] slices = [.. media.SelectMany(static item => item.Slices)];
        float[][] features = Batcher(runner).Encode(slices, TowerOutput.Features, progress, cancellationToken);
        using Graph graph = runner.NewGraph();
        Tensor maps = graph.Input("maps", (long)FeatureWidth * config.Scales.Count, config.Tower.PatchCount, 1);
        Tensor rows = graph.Output(connector.Build(graph, maps, config.Tower.PatchesPerSide));
        var encoded = new List<EncodedMedia>();
        int first = 0;
        foreach (PreparedMedia item in media)
        {
            float[][] own = features[first..(first += item.Slices.Count)];
            // A video's frames are pictures of their own.
            IEnumerable<IGrouping<int, int>> frames = Enumerable.Range(0, own.Length).GroupBy(index => item.Plan.Slices[index].Frame);
            encoded.Add(new EncodedMedia([.. frames.SelectMany(frame => Connect(item.Plan, [.. frame.Select(index => own[index])]))]));
        }

        return encoded;

        float[] Connect(SlicePlan plan, IReadOnlyList<float[]> picture)
        {
            TileGrid output = OutputOf(plan, picture.Count);
            ScaleMerge merge = MergeOf(plan, picture, output);
            var tiles = new List<float[]>();
            for (int index = 0; index < output.TileCount; index++)
            {
                runner.Place(graph);
                Graph.Write(maps, merge.Tile(index / output.Columns, index % output.Columns), 0);
                runner.Run(graph, cancellationToken);
                tiles.Add(Graph.Read(rows, 0, rows.ElementCount));
            }

            return tiles.Count == 1 ? tiles[0] : InRows(tiles, output);
        }
    }

    public float[][] EncodeFeatures(
        PreparedMedia media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => Batcher(runner).Encode(media.Slices, TowerOutput.Features, progress, cancellationToken);

    public void Dispose() => batcher?.Dispose();

    private SliceBatcher Batcher(GraphRunner runner) =>
        batcher ??= new SliceBatcher(runner, config.Tower, (graph, patches, _, _) => tower.Build(graph, patches));

    // Stretched pictures are brought to the first scale's map, those in their own ratio to the last's.
    private TileGrid OutputOf(SlicePlan plan, int sliceCount) =>
        sliceCount == 1 || config.Rule == ImageRule.Resize ? Single : new TileGrid(plan.Columns, plan.Rows);

    // A picture that is not cut has the same features at every scale.
    private ScaleMerge MergeOf(SlicePlan plan, IReadOnlyList<float[]> features, TileGrid output)
    {
        int count = config.Scales.Count;
        return features.Count > 1
            ? new(features, config.GridsOf(plan), output, config.Tower.PatchesPerSide, FeatureWidth)
            : new(
                [.. Enumerable.Repeat(features[0], count)],
                [.. Enumerable.Repeat(Single, count)],
                output,
                config.Tower.PatchesPerSide,
                FeatureWidth
            );
    }

    // The tokens of a grid of tiles, row by row over all of it.
    private float[] InRows(IReadOnlyList<float[]> tiles, TileGrid grid)
    {
        var map = FeatureMap.FromTiles(tiles, grid.Columns, config.Shuffle.TokensPerSide(config.Tower.PatchesPerSide), EmbeddingWidth);
        var embeddings = new float[(long)map.Columns * map.Rows * EmbeddingWidth];
        for (int row = 0; row < map.Rows; row++)
            map.Row(row).CopyTo(embeddings.AsSpan(row * map.Columns * EmbeddingWidth));
        return embeddings;
    }
}
