using Tessera.Compute;

namespace Tessera.Vision.Parts;

/// <summary>
/// The body that the vision towers share: patches, class token first, positions, pre-norm, then blocks of attention and
/// feed-forward with their norms in front. Source: Dosovitskiy et al., arXiv 2010.11929; CLIP's form of it in
/// huggingface/transformers v5.12, models/clip/modeling_clip.py. The norm after the last block is not part of it.
/// </summary>
internal sealed class VisionTransformer
{
    private readonly VisionTransformerConfig config;
    private readonly Tensor patchKernel; // [patch * patch * 3, hidden]
    private readonly Tensor patchBias; // [hidden], optional
    private readonly Tensor classToken; // [hidden, 1], with HasClassToken
    private readonly Tensor positions; // [hidden, PositionCount], the class token's first
    private readonly NormWeights preNorm;
    private readonly VisionBlock[] blocks;

    /// <summary>Declares the tower's weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public VisionTransformer(VisionTransformerConfig config, WeightStore weights)
    {
        this.config = config;
        int hidden = config.HiddenSize;
        patchKernel = weights.PatchKernel(config.Prefix + "patch_embd.weight", config.PatchSize, 3, hidden);
        patchBias = weights.OptionalValues(config.Prefix + "patch_embd.bias", hidden);
        if (config.HasClassToken)
            classToken = weights.Values(config.Prefix + "class_embd", hidden);
        positions = weights.Values(config.Prefix + "position_embd.weight", hidden, config.PositionCount);
        preNorm = NormWeights.Optional(weights, config.Prefix + "pre_ln", hidden);
        blocks = [.. Enumerable.Range(0, config.BlockCount).Select(index => new VisionBlock(config, weights, index))];
    }

    /// <summary>The learned positions: [hidden, <see cref="VisionTransformerConfig.PositionCount"/>].</summary>
    public Tensor Positions => positions;

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public int NodeCapacity => 32 + blocks.Length * VisionBlock.NodeCapacity;

    /// <summary>Patches [patch * patch * 3, patches, slices] -> features of the last block [hidden, patches, slices]; the class token is
    /// dropped where the configuration does not keep it.</summary>
    /// <param name="graph">The graph to add to.</param>
    /// <param name="patches">The slices' patches, of any number in a slice where positions are given.</param>
    /// <param name="slicePositions">Positions of a slice's tokens [hidden, tokens]; without them the learned ones in their order.</param>
    /// <param name="afterBlock">What becomes of a block's output, by the block's index from 0, before the next; null for nothing.</param>
    public Tensor Build(Graph graph, Tensor patches, Tensor slicePositions = default, Func<int, Tensor, Tensor>? afterBlock = null)
    {
        long sliceCount = patches.Size(2);
        Tensor x = graph.Project(patchKernel, patches); // [hidden, patches, slices]
        if (!patchBias.IsNull)
            x = graph.Add(x, patchBias);
        if (config.HasClassToken)
        {
            Tensor first = graph.Repeat(classToken, config.HiddenSize, 1, sliceCount);
            x = graph.Concat(first, x, 1); // [hidden, 1 + patches, slices]
        }

        x = graph.Add(x, slicePositions.IsNull ? positions : slicePositions);
        if (config.HasPreNorm)
            x = preNorm.Build(graph, x, config.NormEpsilon);
        for (int index = 0; index < blocks.Length; index++)
        {
            x = blocks[index].Build(graph, x);
            if (afterBlock is not null)
                x = afterBlock(index, x);
        }

        return config is { HasClassToken: true, KeepsClassToken: false } ? WithoutFirstToken(graph, x) : x;
    }

    /// <summary>[width, 1 + tokens, slices] -> [width, tokens, slices].</summary>
    public static Tensor WithoutFirstToken(Graph graph, Tensor x) =>
        graph.Contiguous(graph.View(x, (x.Size(0), x.Size(1) - 1, x.Size(2), 1), (x.Stride(1), x.Stride(2), x.Stride(3)), x.Stride(1)));
}

/// <summary>Weight and bias of a norm: [width] each, the bias optional.</summary>
internal readonly record struct NormWeights(Tensor Weight, Tensor Bias, bool IsRms = false)
{
    public static NormWeights Load(WeightStore weights, string name, int width, bool isRms = false) =>
        new(weights.Values($"{name}.weight", width), weights.OptionalValues($"{name}.bias", width), isRms);

    public static NormWeights Optional(WeightStore weights, string name, int width) =>
        weights.Has($"{name}.weight") ? Load(weights, name, width) : default;

    public Tensor Build(Graph graph, Tensor x, float epsilon)
    {
        Tensor scaled = graph.Multiply(IsRms ? graph.RmsNorm(x, epsilon) : graph.LayerNorm(x, epsilon), Weight);
        return Bias.IsNull ? scaled : graph.Add(scaled, Bias);
    }
}
