using Tessera.Compute;
using Tessera.Gguf;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Vila;

/// <summary>The dimensions of the connector behind the shuffle: two linear layers, or three of which the first has a norm behind
/// it.</summary>
/// <param name="Inputs">Width of a square of patches.</param>
/// <param name="Middle">Width behind the first of three layers; 0 for two.</param>
/// <param name="Inner">Width between the last two layers.</param>
/// <param name="Outputs">Width of an embedding.</param>
internal sealed record DownsampleConnectorConfig(int Inputs, int Middle, int Inner, int Outputs)
{
    /// <exception cref="ModelFileException">A tensor is missing or its shape does not fit.</exception>
    public static DownsampleConnectorConfig Read(GgufFile file, int inputs)
    {
        int first = MlpConnectorConfig.OutputCount(file, "mm.1.weight", inputs);
        if (!file.TryGetTensor("mm.4.weight", out _))
            return new DownsampleConnectorConfig(inputs, 0, first, MlpConnectorConfig.OutputCount(file, "mm.3.weight", first));
        int inner = MlpConnectorConfig.OutputCount(file, "mm.4.weight", first);
        return new DownsampleConnectorConfig(inputs, first, inner, MlpConnectorConfig.OutputCount(file, "mm.6.weight", inner));
    }
}

/// <summary>
/// Makes one token of a square of patches and brings it to the width of the language model: mlp_downsample, mlp_downsample_2x2_fix and,
/// with three layers, mlp_downsample_3x3_fix. Source: NVlabs/VILA, llava/model/multimodal_projector/base_projector.py; GELU in the erf
/// form.
/// </summary>
internal sealed class DownsampleConnector
{
    // torch.nn.LayerNorm's default.
    private const float NormEpsilon = 1e-5f;
    private readonly PixelShuffle shuffle;
    private readonly bool hasThreeLayers;
    private readonly NormWeights norm; // [inputs]
    private readonly LinearWeights first; // [inputs, middle]
    private readonly NormWeights middleNorm; // [middle]
    private readonly LinearWeights second; // [inputs or middle, inner]
    private readonly LinearWeights last; // [inner, outputs]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public DownsampleConnector(DownsampleConnectorConfig config, PixelShuffle shuffle, WeightStore weights)
    {
        this.shuffle = shuffle;
        hasThreeLayers = config.Middle > 0;
        norm = NormWeights.Load(weights, "mm.0", config.Inputs);
        if (hasThreeLayers)
        {
            first = LinearWeights.Load(weights, "mm.1", config.Inputs, config.Middle);
            middleNorm = NormWeights.Load(weights, "mm.3", config.Middle);
        }

        second = LinearWeights.Load(
            weights,
            hasThreeLayers ? "mm.4" : "mm.1",
            hasThreeLayers ? config.Middle : config.Inputs,
            config.Inner
        );
        last = LinearWeights.Load(weights, hasThreeLayers ? "mm.6" : "mm.3", config.Inner, config.Outputs);
    }

    /// <summary>Nodes that <see cref="Build"/> adds at most.</summary>
    public const int NodeCapacity = PixelShuffle.NodeCapacity + 24;

    /// <summary>Features [width, side * side, slices] -> [outputs, tokens, slices].</summary>
    public Tensor Build(Graph graph, Tensor features, int side)
    {
        Tensor x = norm.Build(graph, shuffle.Build(graph, features, side), NormEpsilon);
        if (hasThreeLayers)
            x = middleNorm.Build(graph, graph.GeluErf(first.Build(graph, x)), NormEpsilon);
        return last.Build(graph, graph.GeluErf(second.Build(graph, x)));
    }
}
