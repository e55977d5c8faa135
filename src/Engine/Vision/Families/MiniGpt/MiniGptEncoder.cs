using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MiniGpt;

/// <summary>Tower, Q-Former or four tokens side by side, and projection on every slice (MiniGPT-4's encode_img).</summary>
internal sealed class MiniGptEncoder : SliceEncoder
{
    private readonly MiniGptConfig config;
    private readonly EvaTower tower;
    private readonly QFormer? former;
    private readonly LinearWeights projection; // [inputs, embedding]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public MiniGptEncoder(MiniGptConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new EvaTower(config.Tower, weights);
        former = config.QFormer is null ? null : new QFormer(config.QFormer, weights);
        projection = LinearWeights.Load(weights, "mm.0", config.Inputs, config.Outputs);
    }

    public override int EmbeddingWidth => config.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower.Tower;

    public override int NodeCapacity => tower.NodeCapacity + (former?.NodeCapacity ?? 0) + 16;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, 1 + patches, slices] and rows [embedding, rows,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = tower.Build(graph, patches);
        Tensor x = former?.Build(graph, features) ?? SideBySide(graph, features);
        return new EncoderOutputs(features, projection.Build(graph, x));
    }

    // Without the class token, four tokens that follow each other in a row of patches: [4 * hidden, patches / 4, slices].
    private static Tensor SideBySide(Graph graph, Tensor features)
    {
        const int Count = MiniGptConfig.TokensPerRow;
        Tensor own = VisionTransformer.WithoutFirstToken(graph, features);
        return graph.Reshape(own, own.Size(0) * Count, own.Size(1) / Count, own.Size(2));
    }
}
