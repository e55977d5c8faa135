using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.InternVl1;

/// <summary>Tower, QLLaMA and the two connectors on every slice; a slice's queries stand before its patches. Source: OpenGVLab/InternVL,
/// internvl_chat_llava/llava/model/multimodal_projector/builder.py, TwoMLP.</summary>
internal sealed class InternVl1Encoder : SliceEncoder
{
    private readonly InternVl1Config config;
    private readonly VisionTransformer tower;
    private readonly QueryLlama queries;
    private readonly MlpConnector patchConnector; // [hidden] -> [embedding]
    private readonly MlpConnector queryConnector; // [QLLaMA's width] -> [embedding]
    private readonly float[] positions; // [hidden, 1 + patches], where the stored table is of another size; else empty

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public InternVl1Encoder(InternVl1Config config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        queries = new QueryLlama(config.Queries, weights);
        patchConnector = new MlpConnector(config.PatchConnector, weights);
        queryConnector = new MlpConnector(config.QueryConnector, weights);
        positions = InternVit.ResizedPositions(config.Tower, weights);
    }

    public override int EmbeddingWidth => config.PatchConnector.Outputs;

    public override int NodeCapacity => tower.NodeCapacity + queries.NodeCapacity + 32;

    protected override VisionTransformerConfig Tower => config.Tower;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, queries + patches,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        int hidden = config.Tower.HiddenSize;
        Tensor slicePositions = positions.Length == 0 ? default : graph.Input("positions", positions, hidden, positions.Length / hidden),
            seen = default; // where the patches are taken: [hidden, 1 + patches, slices]
        Tensor last = tower.Build(graph, patches, slicePositions, (index, x) => index == config.PatchLayer - 1 ? seen = x : x);
        Tensor features = VisionTransformer.WithoutFirstToken(graph, seen);
        Tensor asked = queryConnector.Build(graph, queries.Build(graph, last));
        return new EncoderOutputs(features, graph.Concat(asked, patchConnector.Build(graph, features), 1));
    }
}
