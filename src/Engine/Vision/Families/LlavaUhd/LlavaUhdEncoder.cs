using Tessera.Compute;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.LlavaUhd;

/// <summary>
/// The tower with its table of positions resized to the slice's grid (the class token keeps its own), and the resampler, whose positions
/// are a square table too, resized for the keys. Source: thunlp/LLaVA-UHD, llava_uhd/adapt_clip.py and llava_uhd/resampler.py,
/// get_abs_pos; branch LLaVA-UHD-v1, llava/model/multimodal_projector/adapt_spatial_resampler.py.
/// </summary>
internal sealed class LlavaUhdEncoder : SliceEncoder
{
    private readonly LlavaUhdConfig config;
    private readonly VisionTransformer tower;
    private readonly PerceiverResampler resampler;
    private readonly PositionTable patchPositions;
    private readonly float[] classPosition; // [hidden], empty without a class token
    private readonly PositionTable keyPositions;
    private readonly float[] queryPositions; // [embedding, queries]

    /// <summary>Declares the weights.</summary>
    /// <exception cref="ModelFileException">One is missing or has another shape.</exception>
    public LlavaUhdEncoder(LlavaUhdConfig config, WeightStore weights)
    {
        this.config = config;
        tower = new VisionTransformer(config.Tower, weights);
        resampler = new PerceiverResampler(config.Resampler, weights);
        int hidden = config.Tower.HiddenSize,
            querySide = config.Resampler.QuerySide;
        float[] table = weights.HostValues("v.position_embd.weight", (long)hidden * config.Tower.PositionCount);
        int classLength = config.Tower.HasClassToken ? hidden : 0;
        classPosition = table[..classLength];
        patchPositions = new PositionTable(table[classLength..], config.Tower.PatchesPerSide, hidden);
        queryPositions = SinusoidPositions.Build(querySide, querySide, EmbeddingWidth);
        keyPositions = new PositionTable(queryPositions, querySide, EmbeddingWidth);
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
        float[] positions = [.. classPosition, .. patchPositions.Resize(columns, rows, TableResize.Bicubic)];
        Tensor slicePositions = graph.Input("positions", positions, config.Tower.HiddenSize, positions.Length / config.Tower.HiddenSize);
        Tensor features = tower.Build(graph, patches, slicePositions);
        return new EncoderOutputs(
            features,
            resampler.Build(
                graph,
                features,
                keyPositions.Resize(columns, rows, TableResize.Bicubic),
                queryPositions,
                config.HasRegions ? new RegionSampler(columns, rows, config.Resampler.QuerySide) : null
            )
        );
    }
}
