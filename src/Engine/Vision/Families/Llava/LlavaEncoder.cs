using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Llava;

/// <summary>
/// The tower and the connector. Source: haotian-liu/LLaVA, llava/model/multimodal_encoder/clip_encoder.py.
/// </summary>
internal sealed class LlavaEncoder : SliceEncoder
{
    private readonly LlavaConfig config;
    private readonly VisionTransformer tower;
    private readonly MlpConnector connector; // [hidden] -> [embedding]
    private readonly float[] positions; // [hidden, 1 + patches], where the stored table is of another size; else empty

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public LlavaEncoder(LlavaConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        connector = new MlpConnector(config.Connector, weights);
        positions = config.Tower.PositionCount == TokenCount(config.Tower) ? [] : ResizedPositions(config.Tower, weights);
    }

    public override int EmbeddingWidth => config.Connector.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override int NodeCapacity => tower.NodeCapacity + 16;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, patches,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        Tensor slicePositions =
            positions.Length == 0 ? default : graph.Input("positions", positions, config.Tower.HiddenSize, TokenCount(config.Tower));
        Tensor features = tower.Build(graph, patches, slicePositions);
        return new EncoderOutputs(features, connector.Build(graph, features));
    }

    private static int TokenCount(VisionTransformerConfig tower) => tower.PatchCount + (tower.HasClassToken ? 1 : 0);

    // OpenGVLab/InternVL, internvl_chat_llava/llava/model/multimodal_encoder/intern_vit_6b/modeling_intern_vit.py, _get_pos_embed.
    private static float[] ResizedPositions(VisionTransformerConfig tower, WeightStore weights)
    {
        int hidden = tower.HiddenSize,
            side = (int)Math.Sqrt(tower.PositionCount - 1);
        float[] table = weights.HostValues("v.position_embd.weight", (long)hidden * tower.PositionCount);
        var patches = new PositionTable(table[hidden..], side, hidden);
        return [.. table[..hidden], .. patches.Resize(tower.PatchesPerSide, tower.PatchesPerSide, TableResize.Bicubic)];
    }
}
