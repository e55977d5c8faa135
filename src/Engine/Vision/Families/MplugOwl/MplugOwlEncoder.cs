using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MplugOwl;

/// <summary>
/// The tower with its last norm over all tokens, the abstractor, a linear layer, and the end's embedding. Source: X-PLUG/mPLUG-Owl,
/// mPLUG-Owl/mplug_owl/modeling_mplug_owl.py and mPLUG-Owl2/mplug_owl2/model/visual_encoder.py, MplugOwlVisionModel and
/// MplugOwlVisualAbstractorModel.
/// </summary>
internal sealed class MplugOwlEncoder : SliceEncoder
{
    private readonly MplugOwlConfig config;
    private readonly VisionTransformer tower;
    private readonly NormWeights lastNorm; // [hidden]
    private readonly VisualAbstractor abstractor;
    private readonly LinearWeights connector; // [hidden, embedding]
    private readonly Tensor end; // [embedding, 1]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public MplugOwlEncoder(MplugOwlConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        lastNorm = NormWeights.Load(weights, "v.post_ln", config.Tower.HiddenSize);
        abstractor = new VisualAbstractor(config.Abstractor, weights);
        connector = LinearWeights.Load(weights, MplugOwlConfig.Connector, config.Tower.HiddenSize, config.Outputs);
        end = weights.Values("v.image_end", config.Outputs);
    }

    public override int EmbeddingWidth => config.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override int NodeCapacity => tower.NodeCapacity + abstractor.NodeCapacity + 16;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, 1 + patches, slices] and rows [embedding, queries + 1,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = lastNorm.Build(graph, tower.Build(graph, patches), config.Tower.NormEpsilon);
        Tensor rows = connector.Build(graph, abstractor.Build(graph, features));
        return new EncoderOutputs(features, graph.Concat(rows, graph.Repeat(end, config.Outputs, 1, rows.Size(2)), 1));
    }
}
