using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>The dimensions of a ConvNeXt.</summary>
/// <param name="Prefix">What its tensors' names begin with.</param>
/// <param name="PatchSize">Side of a patch of the stem in pixels.</param>
/// <param name="Widths">Channels of each stage's map; each map's sides are half of those before.</param>
/// <param name="BlockCounts">Blocks of each stage.</param>
/// <param name="NormEpsilon">Of all norms.</param>
internal sealed record ConvNextConfig(
    string Prefix,
    int PatchSize,
    IReadOnlyList<int> Widths,
    IReadOnlyList<int> BlockCounts,
    float NormEpsilon
);

/// <summary>
/// ConvNeXt: patches, then stages of depthwise convolutions, each with a network over the channels behind it. Maps are [channels, columns,
/// rows] throughout, so that channels lie side by side. Source: huggingface/pytorch-image-models, timm/models/convnext.py; Liu et al.,
/// arXiv 2201.03545. Names: docs/gguf.md.
/// </summary>
internal sealed class ConvNext
{
    private const int KernelSide = 7;

    // Of a block's inner network.
    private const int Expansion = 4;
    private readonly ConvNextConfig config;
    private readonly Tensor patchKernel; // [patch * patch * 3, channels]
    private readonly Tensor patchBias; // [channels]
    private readonly NormWeights patchNorm;
    private readonly Stage[] stages;

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public ConvNext(ConvNextConfig config, WeightStore weights)
    {
        this.config = config;
        patchKernel = weights.PatchKernel(config.Prefix + "patch_embd.weight", config.PatchSize, 3, config.Widths[0]);
        patchBias = weights.Values(config.Prefix + "patch_embd.bias", config.Widths[0]);
        patchNorm = NormWeights.Load(weights, config.Prefix + "pre_ln", config.Widths[0]);
        stages = [.. config.Widths.Select((width, index) => LoadStage(weights, $"{config.Prefix}stage.{index}.", index, width))];
    }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public int NodeCapacity => 64 + 16 * stages.Length + 32 * stages.Sum(static stage => stage.Blocks.Length);

    /// <summary>Patches [patch * patch * 3, side * side] -> the map of each stage, [channels, columns, rows], the finest first.</summary>
    public IReadOnlyList<Tensor> Build(Graph graph, Tensor patches, int side)
    {
        Tensor x = graph.Add(graph.Project(patchKernel, patches), patchBias);
        x = graph.Reshape(patchNorm.Build(graph, x, config.NormEpsilon), config.Widths[0], side, side);
        var maps = new List<Tensor>();
        foreach (Stage stage in stages)
        {
            if (maps.Count > 0)
                x = Halve(graph, stage, x);
            foreach (Block block in stage.Blocks)
                x = Convolve(graph, block, x);
            maps.Add(x);
        }

        return maps;
    }

    private Tensor Convolve(Graph graph, Block block, Tensor x)
    {
        Tensor kernel = graph.Contiguous(graph.Permute(block.Kernel, 1, 0, 2, 3)); // [channels, side * side]
        Tensor inner = graph.Add(graph.ConvolveChannels(kernel, x, KernelSide), block.KernelBias);
        inner = block.Up.Build(graph, block.Norm.Build(graph, inner, config.NormEpsilon));
        inner = graph.Multiply(block.Down.Build(graph, graph.GeluErf(inner)), block.Scale);
        return graph.Add(x, inner);
    }

    // A convolution of 2 x 2 cells with a stride of 2, as a matrix over the four cells' channels.
    private Tensor Halve(Graph graph, Stage stage, Tensor x)
    {
        long channels = x.Size(0),
            columns = x.Size(1) / 2,
            rows = x.Size(2) / 2;
        x = stage.HalvingNorm.Build(graph, x, config.NormEpsilon);
        // [channels * 2, columns, 2 rows]: two cells of a row lie side by side already.
        Tensor cells = graph.Reshape(x, channels * 2, columns, 2, rows);
        cells = graph.Contiguous(graph.Permute(cells, 0, 2, 1, 3)); // [channels * 2, 2, columns, rows]
        cells = graph.Reshape(cells, channels * 4, columns * rows);
        Tensor halved = graph.Add(graph.Project(stage.Halving, cells), stage.HalvingBias);
        return graph.Reshape(halved, halved.Size(0), columns, rows);
    }

    private Stage LoadStage(WeightStore weights, string prefix, int index, int width)
    {
        Block[] blocks =
        [
            .. Enumerable.Range(0, config.BlockCounts[index]).Select(block => LoadBlock(weights, $"{prefix}blk.{block}.", width)),
        ];
        if (index == 0)
            return new Stage(default, default, default, blocks);
        int before = config.Widths[index - 1];
        return new Stage(
            NormWeights.Load(weights, prefix + "down_norm", before),
            weights.Matrix(prefix + "down_conv.weight", 4 * before, width),
            weights.Values(prefix + "down_conv.bias", width),
            blocks
        );
    }

    private static Block LoadBlock(WeightStore weights, string prefix, int width) =>
        new(
            weights.Values(prefix + "conv_dw.weight", KernelSide * KernelSide, width),
            weights.Values(prefix + "conv_dw.bias", width),
            NormWeights.Load(weights, prefix + "ln", width),
            LinearWeights.Load(weights, prefix + "ffn_up", width, Expansion * width),
            LinearWeights.Load(weights, prefix + "ffn_down", Expansion * width, width),
            weights.Values(prefix + "ls.weight", width)
        );

    /// <param name="HalvingNorm">In front of what halves the map; none in the first stage.</param>
    /// <param name="Halving">[4 * channels before, channels], over the channels of a square's cells, row by row.</param>
    /// <param name="HalvingBias">[channels].</param>
    /// <param name="Blocks">The blocks.</param>
    private sealed record Stage(NormWeights HalvingNorm, Tensor Halving, Tensor HalvingBias, Block[] Blocks);

    /// <param name="Kernel">[side * side, channels].</param>
    /// <param name="KernelBias">[channels].</param>
    /// <param name="Norm">Over the channels.</param>
    /// <param name="Up">[channels, inner].</param>
    /// <param name="Down">[inner, channels].</param>
    /// <param name="Scale">Of what is added: [channels].</param>
    private sealed record Block(Tensor Kernel, Tensor KernelBias, NormWeights Norm, LinearWeights Up, LinearWeights Down, Tensor Scale);
}
