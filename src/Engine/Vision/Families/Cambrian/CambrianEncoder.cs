using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Cambrian;

/// <summary>
/// Four towers one after another, each tower's features projected to one width, then the spatial vision aggregator: a learned query for
/// each cell of the picture's square looks at its window of every tower's map. Source: cambrian-mllm/cambrian 539ffc3,
/// cambrian/model/cambrian_arch.py, prepare_inputs_labels_for_multimodal.
/// </summary>
internal sealed class CambrianEncoder : IVisionEncoder
{
    // torch.nn.LayerNorm's default.
    private const float NormEpsilon = 1e-5f;
    private const int MostRowsAtOnce = 2304,
        MostQueriesAtOnce = 192;
    private readonly CambrianConfig config;
    private readonly CambrianTower[] towers;
    private readonly (LinearWeights First, LinearWeights Second, NormWeights Norm)[] projections;
    private readonly Tensor query; // [width]
    private readonly WindowSampler[] layers;
    private readonly LinearWeights first; // [width, embedding]
    private readonly LinearWeights second; // [embedding, embedding]
    private readonly float[] newline; // [embedding]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public CambrianEncoder(CambrianConfig config, WeightStore weights)
    {
        this.config = config;
        int width = config.Windows.Width;
        towers = [.. config.Towers.Select(tower => CambrianTower.Load(tower, weights))];
        projections =
        [
            .. config.Towers.Select(tower =>
                (
                    LinearWeights.Load(weights, $"mm.aux.{tower.Index}.0", tower.Width, width),
                    LinearWeights.Load(weights, $"mm.aux.{tower.Index}.2", width, width),
                    NormWeights.Load(weights, $"mm.aux.{tower.Index}.3", width)
                )
            ),
        ];
        query = weights.Values("sva.query", width);
        layers =
        [
            .. Enumerable.Range(0, config.LayerCount).Select(index => new WindowSampler(config.Windows, weights, $"sva.{index}.", width)),
        ];
        first = LinearWeights.Load(weights, "mm.0", width, config.Outputs);
        second = LinearWeights.Load(weights, "mm.2", config.Outputs, config.Outputs);
        newline = weights.HostValues("v.image_newline", config.Outputs);
    }

    public int EmbeddingWidth => config.Outputs;

    public int FeatureWidth => config.Windows.Width;

    public int NodeCapacity =>
        Math.Max(
            towers.Max(static tower => tower.NodeCapacity),
            64 + 4 * towers.Length + layers.Length * WindowSampler.NodeCapacity(towers.Length)
        );

    public void Reserve(GraphRunner runner, Func<PixelSize, SlicePlan> plan)
    {
        foreach (CambrianTower tower in towers)
            tower.Reserve(runner);
        for (int index = 0; index < towers.Length; index++)
            using (Graph graph = runner.NewGraph())
            {
                graph.Output(Project(graph, index, graph.Input("features", config.Towers[index].Width, RowsAtOnce(index), 1)));
                runner.Reserve(graph, "a tower's features");
            }

        using Graph sampling = runner.NewGraph();
        sampling.Output(Sample(sampling, sampling.Input("beside", config.Windows.BesideWidth, QueriesAtOnce, 1)));
        runner.Reserve(sampling, $"{QueriesAtOnce} queries");
    }

    public IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        var encoded = new List<EncodedMedia>();
        int total = media.Sum(static item => item.Slices.Count),
            done = 0;
        foreach (PreparedMedia item in media)
        {
            var rows = new List<float[]>();
            // A video's frames are pictures of their own.
            foreach (PreparedSlice[] picture in item.Slices.Chunk(towers.Length))
            {
                float[][] maps = Maps(picture, runner, () => progress?.Report((double)++done / total), cancellationToken);
                rows.Add(Aggregate(maps, item.Plan.Image, runner, cancellationToken));
            }

            encoded.Add(new EncodedMedia(rows.Count == 1 ? rows[0] : [.. rows.SelectMany(static part => part)]));
        }

        return encoded;
    }

    public float[][] EncodeFeatures(
        PreparedMedia media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        int done = 0;
        return
        [
            .. media
                .Slices.Chunk(towers.Length)
                .SelectMany(picture =>
                    Maps(picture, runner, () => progress?.Report((double)++done / media.Slices.Count), cancellationToken)
                ),
        ];
    }

    public void Dispose() { }

    // Each tower's features behind its projection: [width, cells].
    private float[][] Maps(PreparedSlice[] picture, GraphRunner runner, Action progress, CancellationToken cancellationToken) =>
        [
            .. picture.Select(
                (slice, index) =>
                {
                    float[] map = Project(index, towers[index].Run(slice, runner, cancellationToken), runner, cancellationToken);
                    progress();
                    return map;
                }
            ),
        ];

    private float[] Project(int tower, IReadOnlyList<FeatureMap> maps, GraphRunner runner, CancellationToken cancellationToken)
    {
        int cells = config.Towers[tower].TokenSide * config.Towers[tower].TokenSide,
            width = config.Towers[tower].Width,
            count = RowsAtOnce(tower);
        var projected = new float[(long)cells * config.Windows.Width];
        using Graph graph = runner.NewGraph();
        Tensor input = graph.Input("features", width, count, 1);
        Tensor output = graph.Output(Project(graph, tower, input));
        var rows = new float[(long)count * width];
        for (int cell = 0; cell < cells; cell += count)
        {
            Join(maps, cell, rows, width);
            runner.Place(graph);
            Graph.Write(input, rows, 0);
            runner.Run(graph, cancellationToken);
            Graph.Read(output, 0, projected.AsSpan(cell * config.Windows.Width, count * config.Windows.Width));
        }

        return projected;
    }

    // The maps' channels of each cell, one map's behind another's.
    private static void Join(IReadOnlyList<FeatureMap> maps, int firstCell, float[] rows, int width)
    {
        int offset = 0;
        foreach (FeatureMap map in maps)
        {
            int channels = map.Values.Length / (map.Columns * map.Rows);
            for (int row = 0; row < rows.Length / width; row++)
                map.Values.AsSpan((firstCell + row) * channels, channels).CopyTo(rows.AsSpan(row * width + offset));
            offset += channels;
        }
    }

    // Maps -> rows in the order of the plan's layout, with what stands beside each: [embedding + beside, tokens].
    private float[] Aggregate(float[][] maps, PixelSize image, GraphRunner runner, CancellationToken cancellationToken)
    {
        int side = config.QuerySide,
            besideWidth = config.Windows.BesideWidth,
            rowWidth = config.Outputs + config.BesideWidth;
        float[] beside = CambrianWindows.Arrange(config, maps, image),
            queries = Sample(beside, runner, cancellationToken);
        CambrianGrid padding = CambrianGrid.Of(image, side);
        int columns = side - 2 * padding.Columns;
        var rows = new float[(long)(side - 2 * padding.Rows) * (columns + 1) * rowWidth];
        int target = 0;
        for (int row = padding.Rows; row < side - padding.Rows; row++)
        {
            for (int column = padding.Columns; column < side - padding.Columns; column++, target += rowWidth)
            {
                int cell = row * side + column;
                queries.AsSpan(cell * config.Outputs, config.Outputs).CopyTo(rows.AsSpan(target));
                beside.AsSpan(cell * besideWidth, config.BesideWidth).CopyTo(rows.AsSpan(target + config.Outputs));
            }

            newline.CopyTo(rows.AsSpan(target));
            target += rowWidth;
        }

        return rows;
    }

    private float[] Sample(float[] beside, GraphRunner runner, CancellationToken cancellationToken)
    {
        int total = config.QuerySide * config.QuerySide,
            width = config.Windows.BesideWidth;
        var rows = new float[(long)total * config.Outputs];
        using Graph graph = runner.NewGraph();
        Tensor input = graph.Input("beside", width, QueriesAtOnce, 1);
        Tensor output = graph.Output(Sample(graph, input));
        for (int start = 0; start < total; start += QueriesAtOnce)
        {
            runner.Place(graph);
            Graph.Write(input, beside.AsSpan(start * width, QueriesAtOnce * width), 0);
            runner.Run(graph, cancellationToken);
            Graph.Read(output, 0, rows.AsSpan(start * config.Outputs, QueriesAtOnce * config.Outputs));
        }

        return rows;
    }

    // [tower's width, n] -> [width, n].
    private Tensor Project(Graph graph, int tower, Tensor features)
    {
        (LinearWeights inner, LinearWeights outer, NormWeights norm) = projections[tower];
        return norm.Build(graph, outer.Build(graph, graph.GeluErf(inner.Build(graph, features))), NormEpsilon);
    }

    // [beside, queries] -> [embedding, queries].
    private Tensor Sample(Graph graph, Tensor beside)
    {
        SeenWindows seen = config.Windows.Split(graph, beside);
        Tensor x = graph.Repeat(query, config.Windows.Width, beside.Size(1));
        foreach (WindowSampler layer in layers)
            x = graph.Add(x, layer.Build(graph, x, seen));
        return second.Build(graph, graph.GeluErf(first.Build(graph, x)));
    }

    // Whole shares of the cells and of the queries, so that one graph serves all.
    private int RowsAtOnce(int tower) => Share(config.Towers[tower].TokenSide, MostRowsAtOnce);

    private int QueriesAtOnce => Share(config.QuerySide, MostQueriesAtOnce);

    private static int Share(int side, int most)
    {
        int rows = Math.Clamp(most / side, 1, side);
        while (side % rows != 0)
            rows--;
        return rows * side;
    }
}
