using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.CogVlm;

/// <summary>
/// The tower, in CogVLM2 the convolution over squares of patches, the connector, and the two ends. Source: THUDM/cogvlm-chat-hf and
/// THUDM/cogvlm2-llama3-chat-19B, visual.py, EVA2CLIPModel.
/// </summary>
internal sealed class CogVlmEncoder : SliceEncoder
{
    /// <summary>Patches along a side of the convolution's kernel, which never overlaps itself.</summary>
    public const int Factor = 2;

    /// <summary>The convolution as a matrix: its inputs are a square's patches, row by row.</summary>
    public const string Convolution = "mm.conv";

    private readonly CogVlmConfig config;
    private readonly VisionTransformer tower;
    private readonly PixelShuffle squares = new(Factor, TokenOrder.Row);
    private readonly LinearWeights convolution; // [4 * hidden, hidden], in CogVLM2
    private readonly GatedConnector connector; // [hidden] -> [embedding]
    private readonly Tensor begin; // [embedding, 1]
    private readonly Tensor end; // [embedding, 1]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public CogVlmEncoder(CogVlmConfig config, WeightStore weights)
    {
        this.config = config;
        int hidden = config.Tower.HiddenSize;
        tower = new VisionTransformer(config.Tower, weights);
        if (config.HasConvolution)
            convolution = LinearWeights.Load(weights, Convolution, hidden * Factor * Factor, hidden);
        connector = new GatedConnector(GatedConnectorNames.CogVlm, weights, hidden, config.Outputs, config.Inner);
        begin = weights.Values("v.boi", config.Outputs);
        end = weights.Values("v.eoi", config.Outputs);
    }

    public override int EmbeddingWidth => config.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override int NodeCapacity => tower.NodeCapacity + PixelShuffle.NodeCapacity + GatedConnector.NodeCapacity + 24;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, 1 + tokens + 1,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = tower.Build(graph, patches);
        Tensor x = config.HasConvolution ? Convolve(graph, features) : features;
        x = connector.Build(graph, x); // [embedding, tokens, slices]
        return new EncoderOutputs(features, graph.Concat(graph.Concat(End(graph, begin, x), x, 1), End(graph, end, x), 1));
    }

    private Tensor Convolve(Graph graph, Tensor features)
    {
        int side = config.Tower.PatchesPerSide,
            used = config.UsedPatchesPerSide;
        if (used < side)
        {
            long hidden = features.Size(0),
                slices = features.Size(2);
            Tensor map = graph.Reshape(features, hidden, side, side, slices);
            map = graph.View(map, (hidden, used, used, slices), (map.Stride(1), map.Stride(2), map.Stride(3)), 0);
            features = graph.Reshape(graph.Contiguous(map), hidden, used * used, slices);
        }

        return convolution.Build(graph, squares.Build(graph, features, used));
    }

    private Tensor End(Graph graph, Tensor end, Tensor x) => graph.Repeat(end, config.Outputs, 1, x.Size(2));
}
