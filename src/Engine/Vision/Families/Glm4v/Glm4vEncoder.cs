using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Glm4v;

/// <summary>
/// The tower, the convolution over squares of patches, the connector, and the two ends, all divided by one number. Source:
/// THUDM/glm-4v-9b, visual.py, EVA2CLIPModel.
/// </summary>
internal sealed class Glm4vEncoder : SliceEncoder
{
    /// <summary>Patches along a side of the convolution's kernel, which never overlaps itself.</summary>
    public const int Factor = 2;

    /// <summary>The convolution as a matrix: its inputs are a square's patches, row by row.</summary>
    public const string Convolution = "adapter.conv";

    private readonly Glm4vConfig config;
    private readonly VisionTransformer tower;
    private readonly PixelShuffle squares = new(Factor, TokenOrder.Row);
    private readonly LinearWeights convolution; // [4 * hidden, embedding]
    private readonly GatedConnector connector; // [embedding] -> [embedding]
    private readonly Tensor begin; // [embedding, 1]
    private readonly Tensor end; // [embedding, 1]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public Glm4vEncoder(Glm4vConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        convolution = LinearWeights.Load(weights, Convolution, config.Tower.HiddenSize * Factor * Factor, config.Outputs);
        connector = new GatedConnector(GatedConnectorNames.Adapter, weights, config.Outputs, config.Outputs, config.Inner);
        begin = weights.Values("adapter.boi", config.Outputs);
        end = weights.Values("adapter.eoi", config.Outputs);
    }

    public override int EmbeddingWidth => config.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override int NodeCapacity => tower.NodeCapacity + PixelShuffle.NodeCapacity + GatedConnector.NodeCapacity + 16;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, 1 + patches / 4 +
    /// 1, slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = tower.Build(graph, patches);
        Tensor x = convolution.Build(graph, squares.Build(graph, features, config.Tower.PatchesPerSide));
        x = connector.Build(graph, x); // [embedding, patches / 4, slices]
        x = graph.Concat(graph.Concat(End(graph, begin, x), x, 1), End(graph, end, x), 1);
        return new EncoderOutputs(features, graph.Scale(x, 1 / config.OutputDivisor));
    }

    private Tensor End(Graph graph, Tensor end, Tensor x) => graph.Repeat(end, config.Outputs, 1, x.Size(2));
}
