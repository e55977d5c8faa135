using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip2;

/// <summary>Tower, Q-Former and projection on every slice.</summary>
internal sealed class Blip2Encoder : SliceEncoder
{
    private readonly QFormerProjectorConfig config;
    private readonly EvaTower tower;
    private readonly QFormer former;
    private readonly LinearWeights projection; // [width, embedding]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public Blip2Encoder(QFormerProjectorConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new EvaTower(config.Tower, weights);
        former = new QFormer(config.QFormer, weights);
        projection = LinearWeights.Load(weights, "mm.0", config.QFormer.Width, config.Outputs);
    }

    public override int EmbeddingWidth => config.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower.Tower;

    public override int NodeCapacity => tower.NodeCapacity + former.NodeCapacity + 8;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, 1 + patches, slices] and rows [embedding, queries,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor features = tower.Build(graph, patches);
        return new EncoderOutputs(features, projection.Build(graph, former.Build(graph, features)));
    }
}
