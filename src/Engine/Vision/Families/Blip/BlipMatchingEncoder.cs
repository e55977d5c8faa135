using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip;

/// <summary>
/// How well texts match pictures: by a head on the text encoder that looks at the picture, and by vectors of both. Source:
/// huggingface/transformers v5.12, models/blip/modeling_blip.py, BlipForImageTextRetrieval; salesforce/LAVIS,
/// lavis/models/blip_models/blip_image_text_matching.py.
/// </summary>
internal sealed class BlipMatchingEncoder(BlipConfig config, BlipTextConfig textConfig, WeightStore weights) : IMatchingEncoder
{
    private readonly BlipEncoder tower = new(config, weights);
    private readonly BlipTextEncoder text = new(textConfig, weights);
    private readonly LinearWeights matchHead = LinearWeights.Load(weights, "t.itm", textConfig.Width, 2);
    private readonly LinearWeights textHead = LinearWeights.Load(weights, "t.proj", textConfig.Width, config.VectorWidth);
    private readonly LinearWeights pictureHead = LinearWeights.Load(weights, "v.proj", config.Tower.Tower.HiddenSize, config.VectorWidth);

    public int EmbeddingWidth => config.LanguageWidth;

    public int FeatureWidth => config.Tower.Tower.HiddenSize;

    public int NodeCapacity => Math.Max(tower.NodeCapacity, text.NodeCapacity) + 8;

    public int VectorWidth => config.VectorWidth;

    public void Reserve(GraphRunner runner, Func<PixelSize, SlicePlan> plan)
    {
        tower.Reserve(runner, plan);
        text.Reserve(runner, config.FeatureCount);
    }

    public IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => tower.Encode(media, runner, progress, cancellationToken);

    public float[][] EncodeFeatures(
        PreparedMedia media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => tower.EncodeFeatures(media, runner, progress, cancellationToken);

    public float[] PictureVector(float[] features, GraphRunner runner, CancellationToken cancellationToken)
    {
        using Graph graph = runner.NewGraph();
        Tensor first = graph.Input("class token", features.AsMemory(0, FeatureWidth), FeatureWidth);
        return Direction(Run(runner, graph, pictureHead.Build(graph, first), cancellationToken));
    }

    public float[] TextVector(string words, GraphRunner runner, CancellationToken cancellationToken)
    {
        using Graph graph = runner.NewGraph();
        Tensor states = text.Build(graph, textConfig.Tokens(words), features: null);
        return Direction(Run(runner, graph, textHead.Build(graph, First(graph, states)), cancellationToken));
    }

    public (float No, float Yes) Match(string words, float[] features, GraphRunner runner, CancellationToken cancellationToken)
    {
        using Graph graph = runner.NewGraph();
        Tensor states = text.Build(graph, textConfig.TokensBesidePicture(words), features);
        float[] logits = Run(runner, graph, matchHead.Build(graph, First(graph, states)), cancellationToken);
        return (logits[0], logits[1]);
    }

    public void Dispose() => tower.Dispose();

    // The state of the token in front: [width].
    private static Tensor First(Graph graph, Tensor states) =>
        graph.View(states, (states.Size(0), 1, 1, 1), (states.Stride(1), states.Stride(2), states.Stride(3)), 0);

    private static float[] Run(GraphRunner runner, Graph graph, Tensor result, CancellationToken cancellationToken)
    {
        graph.Output(result);
        runner.Run(graph, cancellationToken);
        return Graph.Read(result, 0, result.ElementCount);
    }

    private static float[] Direction(float[] vector)
    {
        double length = Math.Sqrt(vector.Sum(static value => (double)value * value));
        return length > 0 ? [.. vector.Select(value => (float)(value / length))] : vector;
    }
}
