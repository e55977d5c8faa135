using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InstructBlip;

/// <summary>
/// The tower on all slices, then the Q-Former with each picture's own instruction. Source: salesforce/LAVIS,
/// lavis/models/blip2_models/blip2_vicuna_instruct.py, generate.
/// </summary>
internal sealed class InstructBlipEncoder : IVisionEncoder
{
    private readonly QFormerProjectorConfig config;
    private readonly QFormerText text;
    private readonly WeightStore weights;
    private readonly EvaTower tower;
    private readonly QFormer former;
    private readonly LinearWeights projection; // [width, embedding]
    private SliceBatcher? batcher;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public InstructBlipEncoder(QFormerProjectorConfig config, QFormerText text, WeightStore weights)
    {
        (this.config, this.text, this.weights) = (config, text, weights);
        tower = new EvaTower(config.Tower, weights);
        former = new QFormer(config.QFormer, weights);
        projection = LinearWeights.Load(weights, "mm.0", config.QFormer.Width, config.Outputs);
    }

    public int EmbeddingWidth => config.Outputs;

    public int FeatureWidth => config.Tower.Tower.HiddenSize;

    public int NodeCapacity => tower.NodeCapacity + former.NodeCapacity + 8;

    private int FeatureCount => config.Tower.Tower.PositionCount;

    public void Reserve(GraphRunner runner, Func<PixelSize, SlicePlan> plan)
    {
        Batcher(runner).Reserve(new PixelSize(config.Tower.Tower.ImageSize, config.Tower.Tower.ImageSize));
        using Graph graph = runner.NewGraph();
        Build(graph, new float[(long)config.QFormer.Width * text.PositionCount]);
        runner.Reserve(graph, "a picture with its question");
    }

    public IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        PreparedSlice[] slices = [.. media.SelectMany(static item => item.Slices)];
        float[][] features = Batcher(runner).Encode(slices, TowerOutput.Features, progress, cancellationToken);
        var encoded = new List<EncodedMedia>();
        int first = 0;
        foreach (PreparedMedia item in media)
        {
            float[][] own = features[first..(first += item.Slices.Count)];
            using Graph graph = runner.NewGraph();
            (Tensor seen, Tensor rows) = Build(graph, Embed(item.Plan.Instruction ?? ""));
            encoded.Add(new EncodedMedia([.. own.SelectMany(slice => Ask(runner, graph, seen, rows, slice, cancellationToken))]));
        }

        return encoded;
    }

    public float[][] EncodeFeatures(
        PreparedMedia media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => Batcher(runner).Encode(media.Slices, TowerOutput.Features, progress, cancellationToken);

    public void Dispose() => batcher?.Dispose();

    // Features [hidden, 1 + patches, 1] and an instruction [width, tokens] -> rows [embedding, queries, 1].
    private (Tensor Features, Tensor Rows) Build(Graph graph, float[] instruction)
    {
        int width = config.QFormer.Width;
        Tensor features = graph.Input("features", FeatureWidth, FeatureCount, 1);
        Tensor words = graph.Input("instruction", instruction, width, instruction.Length / width);
        return (features, graph.Output(projection.Build(graph, former.Build(graph, features, words))));
    }

    private static float[] Ask(
        GraphRunner runner,
        Graph graph,
        Tensor features,
        Tensor rows,
        float[] slice,
        CancellationToken cancellationToken
    )
    {
        runner.Place(graph);
        Graph.Write(features, slice, 0);
        runner.Run(graph, cancellationToken);
        return Graph.Read(rows, 0, rows.ElementCount);
    }

    // Each token's embedding and its position's, before the norm: [width, tokens].
    private float[] Embed(string instruction)
    {
        int[] tokens = text.Tokenizer.Tokenize(instruction);
        int width = config.QFormer.Width;
        float[] words = weights.HostRows(QFormerText.TokenTensor, width, text.VocabularySize, tokens);
        float[] places = weights.HostRows(QFormerText.PositionTensor, width, text.PositionCount, [.. Enumerable.Range(0, tokens.Length)]);
        for (int index = 0; index < words.Length; index++)
            words[index] += places[index];
        return words;
    }

    private SliceBatcher Batcher(GraphRunner runner) =>
        batcher ??= new SliceBatcher(runner, config.Tower.Tower, (graph, patches, _, _) => tower.Build(graph, patches));
}
