using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Mllama;

/// <summary>
/// All tiles of a picture through one graph, in which they attend to each other: class token and gated positions, local blocks, global
/// ones, and the projector over the last state and the intermediate ones. Tiles that the picture does not fill are encoded too, from zeros.
/// Source: huggingface/transformers v5.12, models/mllama/modeling_mllama.py, MllamaVisionModel; the intermediate states as
/// meta-llama/llama-models takes them (models/llama3/multimodal/encoder_utils.py): the input of the block with that index.
/// </summary>
internal sealed class MllamaEncoder : IVisionEncoder
{
    // torch.nn.LayerNorm's default, which layernorm_pre and layernorm_post take whatever the blocks' is.
    private const float OuterNormEpsilon = 1e-5f;
    private readonly MllamaConfig config;
    private readonly Tensor patchKernel; // [patch * patch * 3, hidden]
    private readonly Tensor classToken; // [hidden]
    private readonly Tensor positions; // [hidden, rows of a tile]
    private readonly Tensor tilePositions; // [tiles * rows of a tile * hidden, arrangements]
    private readonly Tensor beforeTiles; // [tiles * hidden, arrangements]
    private readonly Tensor afterTiles;
    private readonly NormWeights preNorm;
    private readonly NormWeights postNorm;
    private readonly MllamaBlock[] blocks;
    private readonly MllamaBlock[] globalBlocks;
    private readonly LinearWeights projector; // [features, embedding]
    private readonly (float Positions, float Tiles, float Before, float After) gates;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public MllamaEncoder(MllamaConfig config, WeightStore weights)
    {
        this.config = config;
        int hidden = config.HiddenSize,
            arrangements = config.ArrangementCount;
        patchKernel = weights.PatchKernel("v.patch_embd.weight", config.PatchSize, 3, hidden);
        classToken = weights.Values("v.class_embd", hidden);
        positions = weights.Values("v.position_embd.weight", hidden, config.TileRows);
        tilePositions = weights.Table("v.tile_position_embd.weight", (long)config.TileCount * config.TileRows * hidden, arrangements);
        beforeTiles = weights.Table("v.pre_tile_position_embd.weight", (long)config.TileCount * hidden, arrangements);
        afterTiles = weights.Table("v.post_tile_position_embd.weight", (long)config.TileCount * hidden, arrangements);
        preNorm = NormWeights.Load(weights, "v.pre_ln", hidden);
        postNorm = NormWeights.Load(weights, "v.post_ln", hidden);
        blocks = [.. Enumerable.Range(0, config.BlockCount).Select(index => new MllamaBlock(config, weights, $"v.blk.{index}.", false))];
        globalBlocks =
        [
            .. Enumerable
                .Range(0, config.GlobalBlockCount)
                .Select(index => new MllamaBlock(config, weights, $"v.global.blk.{index}.", true)),
        ];
        projector = LinearWeights.Load(weights, "mm.0", config.FeatureWidth, config.Outputs);
        // Stored behind the hyperbolic tangent; that of the positions is one less it.
        gates = (
            Gate("v.position_embd"),
            Gate("v.tile_position_embd"),
            Gate("v.pre_tile_position_embd"),
            Gate("v.post_tile_position_embd")
        );

        float Gate(string name) => weights.HostValues($"{name}.gate", 1)[0];
    }

    public int EmbeddingWidth => config.Outputs;

    public int FeatureWidth => config.FeatureWidth;

    public int NodeCapacity => 128 + (blocks.Length + globalBlocks.Length) * MllamaBlock.NodeCapacity + 8 * config.Intermediate.Count;

    public void Reserve(GraphRunner runner, Func<PixelSize, SlicePlan> plan)
    {
        using Graph graph = runner.NewGraph();
        graph.Output(Build(graph, TileArrangement.All(config.TileCount)[^1], out _).Rows);
        runner.Reserve(graph, $"{config.TileCount} tiles of {config.TileSize} x {config.TileSize}");
    }

    public IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        var encoded = new List<EncodedMedia>();
        int total = media.Sum(static item => Math.Max(1, item.Plan.FrameCount));
        foreach (PreparedMedia item in media)
        {
            var rows = new List<float[]>();
            foreach (PreparedSlice[] tiles in Pictures(item))
            {
                rows.Add(Run(item.Plan, tiles, isFeatures: false, runner, cancellationToken));
                progress?.Report((double)(encoded.Count + rows.Count) / (total + encoded.Count));
            }

            encoded.Add(new EncodedMedia([], rows.Count == 1 ? rows[0] : [.. rows.SelectMany(static part => part)]));
        }

        return encoded;
    }

    public float[][] EncodeFeatures(
        PreparedMedia media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) =>
        [
            .. Pictures(media)
                .SelectMany(tiles =>
                    Run(media.Plan, tiles, isFeatures: true, runner, cancellationToken).Chunk(config.TileRows * config.FeatureWidth)
                ),
        ];

    public void Dispose() { }

    // A video's frames are pictures of their own.
    private static IEnumerable<PreparedSlice[]> Pictures(PreparedMedia media) =>
        media
            .Slices.Select((slice, index) => (slice, media.Plan.Slices[index].Frame))
            .GroupBy(static item => item.Frame, static item => item.slice)
            .Select(static frame => frame.ToArray());

    private float[] Run(SlicePlan plan, PreparedSlice[] tiles, bool isFeatures, GraphRunner runner, CancellationToken cancellationToken)
    {
        TileArrangement arrangement = TileArrangement
            .All(config.TileCount)
            .First(candidate => plan.FrameCount > 0 ? candidate.TileCount == tiles.Length : IsOf(candidate, plan));
        using Graph graph = runner.NewGraph();
        (Tensor features, Tensor rows) = Build(graph, arrangement, out Tensor pixels);
        Tensor wanted = graph.Output(isFeatures ? features : rows);
        runner.Place(graph);
        var patches = new float[3 * config.PatchSize * config.PatchSize * config.PatchCount];
        for (int tile = 0; tile < config.TileCount; tile++)
        {
            if (tile < tiles.Length)
                PatchCutter.Cut(tiles[tile], config.PatchSize, patches);
            else
                Array.Clear(patches);
            Graph.Write(pixels, patches, (long)tile * patches.Length);
        }

        runner.Run(graph, cancellationToken);
        return Graph.Read(wanted, 0, wanted.ElementCount);
    }

    private static bool IsOf(TileArrangement candidate, SlicePlan plan) => (candidate.Rows, candidate.Columns) == (plan.Rows, plan.Columns);

    // Patches of all tiles -> features [hidden * states, rows of all tiles] and memory [embedding, rows of all tiles].
    private (Tensor Features, Tensor Rows) Build(Graph graph, TileArrangement arrangement, out Tensor pixels)
    {
        int hidden = config.HiddenSize,
            tiles = config.TileCount,
            rowCount = tiles * config.TileRows,
            seen = arrangement.TileCount * config.TileRows;
        pixels = graph.Input("pixels", 3L * config.PatchSize * config.PatchSize, config.PatchCount, tiles);
        Tensor id = graph.Indices("arrangement", new[] { arrangement.Id });
        Tensor x = Embed(graph, pixels, id); // [hidden, rows of a tile, tiles]
        x = graph.Reshape(preNorm.Build(graph, x, OuterNormEpsilon), hidden, rowCount);
        // The fillers of all tiles stand behind their rows: attention does not ask for an order.
        if (config.Fillers > 0)
            x = graph.Concat(x, graph.Input("fillers", new float[hidden * tiles * config.Fillers], hidden, tiles * config.Fillers), 1);
        Tensor states = default;
        for (int index = 0; index < blocks.Length; index++)
        {
            if (config.Intermediate.Contains(index))
            {
                Tensor state = graph.Reshape(graph.Contiguous(Rows(graph, x, 0, rowCount)), hidden, rowCount);
                states = states.IsNull ? state : graph.Concat(states, state, 2);
            }

            x = blocks[index].Build(graph, x, seen);
        }

        x = AddTiles(graph, postNorm.Build(graph, x, OuterNormEpsilon), id);
        foreach (MllamaBlock block in globalBlocks)
            x = block.Build(graph, x, seen);
        // Channel by channel, the states side by side.
        states = graph.Reshape(graph.Contiguous(graph.Permute(states, 1, 2, 0, 3)), hidden * config.Intermediate.Count, rowCount);
        Tensor features = graph.Concat(graph.Contiguous(Rows(graph, x, 0, rowCount)), states, 0);
        return (features, projector.Build(graph, features));
    }

    private Tensor Embed(Graph graph, Tensor pixels, Tensor id)
    {
        int hidden = config.HiddenSize,
            tiles = config.TileCount;
        Tensor x = graph.Project(patchKernel, pixels); // [hidden, patches, tiles]
        x = graph.Add(x, graph.Reshape(graph.Scale(graph.Rows(beforeTiles, id), gates.Before), hidden, 1, tiles));
        x = graph.Concat(graph.Repeat(classToken, hidden, 1, tiles), x, 1); // [hidden, rows of a tile, tiles]
        x = graph.Add(x, graph.Scale(positions, gates.Positions));
        Tensor ofTiles = graph.Scale(graph.Rows(tilePositions, id), gates.Tiles);
        return graph.Add(x, graph.Reshape(ofTiles, hidden, config.TileRows, tiles));
    }

    // What each tile's rows get before the global blocks, its fillers included.
    private Tensor AddTiles(Graph graph, Tensor x, Tensor id)
    {
        int hidden = config.HiddenSize,
            tiles = config.TileCount;
        Tensor added = graph.Reshape(graph.Scale(graph.Rows(afterTiles, id), gates.After), hidden, 1, tiles);
        Tensor rows = graph.Reshape(graph.Contiguous(Rows(graph, x, 0, tiles * config.TileRows)), hidden, config.TileRows, tiles);
        rows = graph.Reshape(graph.Add(rows, added), hidden, tiles * config.TileRows);
        if (config.Fillers == 0)
            return rows;
        Tensor fillers = graph.Contiguous(Rows(graph, x, tiles * config.TileRows, tiles * config.Fillers));
        fillers = graph.Add(graph.Reshape(fillers, hidden, config.Fillers, tiles), added);
        return graph.Concat(rows, graph.Reshape(fillers, hidden, tiles * config.Fillers), 1);
    }

    private static Tensor Rows(Graph graph, Tensor x, int first, int count) =>
        graph.View(x, (x.Size(0), count, 1, 1), (x.Stride(1), x.Stride(2), x.Stride(3)), x.Stride(1) * (nuint)first);
}
