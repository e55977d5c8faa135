using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.MiniCpmV;

/// <summary>
/// The tower with the positions of the slice's grid, the merger behind one of its blocks, the last norm, and the last merger. Every slice
/// is computed by itself. Source: huggingface/transformers v5.12, models/minicpmv4_6/modular_minicpmv4_6.py, MiniCPMV4_6VisionModel,
/// MiniCPMV4_6Merger and MiniCPMV4_6DownsampleMLP.
/// </summary>
internal sealed class MiniCpmV46Encoder : SliceEncoder
{
    // Of MiniCPMV4_6DownsampleMLP, whatever the tower's is.
    private const float MergerNormEpsilon = 1e-6f;
    private readonly MiniCpmV46Config config;
    private readonly VisionTransformer tower;
    private readonly MiniCpmV46WindowMerger? windowMerger;
    private readonly NormWeights lastNorm; // [hidden]
    private readonly NormWeights mergerNorm; // [4 * hidden]
    private readonly LinearWeights up; // [4 * hidden, inner]
    private readonly LinearWeights down; // [inner, embedding]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public MiniCpmV46Encoder(MiniCpmV46Config config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        if (config.MergingBlock >= 0)
            windowMerger = new MiniCpmV46WindowMerger(config, weights);
        lastNorm = NormWeights.Load(weights, "v.post_ln", config.Tower.HiddenSize);
        mergerNorm = NormWeights.Load(weights, "mm.input_norm", config.WindowWidth);
        up = LinearWeights.Load(weights, "mm.up", config.WindowWidth, config.Inner);
        down = LinearWeights.Load(weights, "mm.down", config.Inner, config.Outputs);
    }

    public override int EmbeddingWidth => config.Outputs;

    protected override VisionTransformerConfig Tower => config.Tower;

    public override int NodeCapacity => tower.NodeCapacity + MiniCpmV46WindowMerger.NodeCapacity + 32;

    /// <summary>
    /// Patches [patch * patch * 3, patches, slices] -> features [hidden, patches / 4, slices] and rows [embedding, patches / 16, slices];
    /// four times as many of both without the merger between blocks.
    /// </summary>
    protected override EncoderOutputs Build(Graph graph, Tensor patches, PixelSize sliceSize)
    {
        int columns = sliceSize.Width / config.Tower.PatchSize,
            rows = sliceSize.Height / config.Tower.PatchSize;
        Tensor positions = graph.Rows(
            tower.Positions,
            graph.Indices("position_ids", MiniCpmVPositions.ByRowAndColumn(columns, rows, config.PositionSide))
        );
        Tensor x = windowMerger is null
            ? tower.Build(graph, patches, positions)
            : tower.Build(
                graph,
                patches,
                positions,
                (index, output) => index == config.MergingBlock ? windowMerger.Build(graph, output, columns) : output
            );
        Tensor features = lastNorm.Build(graph, x, config.Tower.NormEpsilon);
        int mergedColumns = windowMerger is null ? columns : columns / MiniCpmV46Config.Window;
        Tensor merged = mergerNorm.Build(graph, MiniCpmV46WindowMerger.Gather(graph, features, mergedColumns), MergerNormEpsilon);
        return new EncoderOutputs(features, down.Build(graph, graph.GeluErf(up.Build(graph, merged))));
    }
}
