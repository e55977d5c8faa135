using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Cambrian;

/// <summary>A tower that runs by itself: what it makes of a picture lies in ordinary memory before the next one begins.</summary>
internal abstract class CambrianTower(CambrianTowerConfig config)
{
    /// <summary>Nodes of its graph.</summary>
    public abstract int NodeCapacity { get; }

    /// <summary>Declares a tower's weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public static CambrianTower Load(CambrianTowerConfig config, WeightStore weights) =>
        config is ConvNextTowerConfig net ? new ConvNextTower(net, weights) : new TransformerTower((TransformerTowerConfig)config, weights);

    /// <summary>Takes the memory of its graph.</summary>
    public void Reserve(GraphRunner runner)
    {
        using Graph graph = runner.NewGraph();
        foreach (Tensor map in Build(graph, Patches(graph)))
            graph.Output(map);
        runner.Reserve(graph, $"a picture of {config.ImageSize} x {config.ImageSize}");
    }

    /// <summary>A picture -> its maps [channels, cells], each as large as the aggregator takes it.</summary>
    public IReadOnlyList<FeatureMap> Run(PreparedSlice slice, GraphRunner runner, CancellationToken cancellationToken)
    {
        using Graph graph = runner.NewGraph();
        Tensor patches = Patches(graph);
        Tensor[] maps = [.. Build(graph, patches).Select(graph.Output)];
        runner.Place(graph);
        var cut = new float[patches.ElementCount];
        PatchCutter.Cut(slice, config.PatchSize, cut);
        Graph.Write(patches, cut, 0);
        runner.Run(graph, cancellationToken);
        return
        [
            .. maps.Select(map =>
            {
                int side = (int)Math.Sqrt(map.ElementCount / map.Size(0));
                return new FeatureMap(side, side, (int)map.Size(0), Graph.Read(map, 0, map.ElementCount)).ResizeBilinear(
                    config.TokenSide,
                    config.TokenSide
                );
            }),
        ];
    }

    /// <summary>Patches [patch * patch * 3, patches] -> maps [channels, cells] of squares.</summary>
    protected abstract IReadOnlyList<Tensor> Build(Graph graph, Tensor patches);

    private Tensor Patches(Graph graph) =>
        graph.Input("patches", 3L * config.PatchSize * config.PatchSize, (long)config.PatchSide * config.PatchSide, 1);
}

/// <summary>
/// CLIP, SigLIP and DINOv2: cambrian-mllm/cambrian 539ffc3, cambrian/model/multimodal_encoder/{clip,siglip,dino}_encoder.py. The last norm
/// is part of it where the file has one.
/// </summary>
internal sealed class TransformerTower(TransformerTowerConfig config, WeightStore weights) : CambrianTower(config)
{
    private readonly VisionTransformer transformer = new(config.Transformer, weights);
    private readonly NormWeights lastNorm = NormWeights.Optional(
        weights,
        config.Transformer.Prefix + "post_ln",
        config.Transformer.HiddenSize
    );

    public override int NodeCapacity => transformer.NodeCapacity + 16;

    protected override IReadOnlyList<Tensor> Build(Graph graph, Tensor patches)
    {
        Tensor features = transformer.Build(graph, patches);
        return [lastNorm.Weight.IsNull ? features : lastNorm.Build(graph, features, config.Transformer.NormEpsilon)];
    }
}

/// <summary>ConvNeXt with the maps of all stages: the same, clip_convnext_encoder.py.</summary>
internal sealed class ConvNextTower(ConvNextTowerConfig config, WeightStore weights) : CambrianTower(config)
{
    private readonly ConvNext net = new(config.Net, weights);
    private readonly int side = config.PatchSide;

    public override int NodeCapacity => net.NodeCapacity;

    protected override IReadOnlyList<Tensor> Build(Graph graph, Tensor patches) => net.Build(graph, patches, side);
}
