using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>
/// The SigLIP tower with the positions of the slice's grid, its last norm, and the resampler. Every slice is computed by itself: no result
/// depends on what else is encoded. Source: openbmb/MiniCPM-V-2_6, modeling_minicpmv.py, get_vllm_embedding; for 2.0 timm's
/// VisionTransformer.forward_features.
/// </summary>
internal sealed class MiniCpmVEncoder : SliceEncoder
{
    private const string PositionTensor = "v.position_embd.weight";
    private readonly MiniCpmVConfig config;
    private readonly VisionTransformer tower;
    private readonly NormWeights lastNorm; // [hidden]
    private readonly PerceiverResampler resampler;
    private readonly PositionTable? positions; // of 2.0, whose table is resized
    private readonly float[]? queryPositions;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public MiniCpmVEncoder(MiniCpmVConfig config, WeightStore weights)
    {
        this.config = config;
        int hidden = config.Tower.HiddenSize,
            side = config.PositionSide;
        tower = new VisionTransformer(config.Tower, weights);
        lastNorm = NormWeights.Load(weights, "v.post_ln", hidden);
        resampler = new PerceiverResampler(config.Resampler, weights);
        if (config.Release == MiniCpmVRelease.V20)
            positions = new PositionTable(weights.HostValues(PositionTensor, (long)hidden * side * side), side, hidden);
        if (config.Resampler.QueriesHavePositions)
            queryPositions = SinusoidPositions.Build(config.Resampler.QuerySide, config.Resampler.QuerySide, EmbeddingWidth);
    }

    public override int EmbeddingWidth => config.Resampler.Width;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override int NodeCapacity => tower.NodeCapacity + PerceiverResampler.NodeCapacity + 16;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features [hidden, patches, slices] and rows [embedding, queries,
    /// slices].</summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        int columns = sliceSize.Width / config.Tower.PatchSize,
            rows = sliceSize.Height / config.Tower.PatchSize;
        Tensor features = lastNorm.Build(graph, tower.Build(graph, patches, Positions(graph, columns, rows)), config.Tower.NormEpsilon);
        Tensor result = resampler.Build(graph, features, SinusoidPositions.Build(columns, rows, EmbeddingWidth), queryPositions);
        return new EncoderOutputs(features, config.RowScale == 1 ? result : graph.Scale(result, config.RowScale));
    }

    // [hidden, patches]
    private Tensor Positions(Graph graph, int columns, int rows)
    {
        if (positions is not null)
            return graph.Input(
                "positions",
                positions.Resize(columns, rows, TableResize.AntialiasedBicubic),
                config.Tower.HiddenSize,
                columns * rows
            );
        int[] ids =
            config.Release == MiniCpmVRelease.V25
                ? MiniCpmVPositions.AsOneRow(columns * rows, config.PositionSide)
                : MiniCpmVPositions.ByRowAndColumn(columns, rows, config.PositionSide);
        return graph.Rows(tower.Positions, graph.Indices("position_ids", ids));
    }
}
