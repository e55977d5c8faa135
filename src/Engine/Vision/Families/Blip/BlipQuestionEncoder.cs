using Tessera.Compute;
using Tessera.Imaging;
using Tessera.Vision.Parts;

namespace Tessera.Vision.Families.Blip;

/// <summary>
/// The tower, and the text encoder that reads the question and looks at the picture; the decoder looks at the question's states. Source:
/// huggingface/transformers v5.12, models/blip/modeling_blip.py, BlipForQuestionAnswering; salesforce/LAVIS,
/// lavis/models/blip_models/blip_vqa.py.
/// </summary>
internal sealed class BlipQuestionEncoder(BlipConfig config, BlipTextConfig textConfig, WeightStore weights) : IVisionEncoder
{
    private readonly BlipEncoder tower = new(config, weights);
    private readonly BlipTextEncoder text = new(textConfig, weights);

    public int EmbeddingWidth => config.LanguageWidth;

    public int FeatureWidth => config.Tower.Tower.HiddenSize;

    public int NodeCapacity => Math.Max(tower.NodeCapacity, text.NodeCapacity);

    public void Reserve(GraphRunner runner, Func<PixelSize, SlicePlan> plan)
    {
        tower.Reserve(runner, plan);
        text.Reserve(runner, config.FeatureCount);
    }

    public IReadOnlyList<EncodedMedia> Encode(
        IReadOnlyList<PreparedMedia> media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    )
    {
        IReadOnlyList<EncodedMedia> seen = tower.Encode(media, runner, progress, cancellationToken);
        return [.. media.Zip(seen, (item, made) => Read(item.Plan.Instruction ?? "", made.Memory!, runner, cancellationToken))];
    }

    public float[][] EncodeFeatures(
        PreparedMedia media,
        GraphRunner runner,
        IProgress<double>? progress,
        CancellationToken cancellationToken
    ) => tower.EncodeFeatures(media, runner, progress, cancellationToken);

    public void Dispose() => tower.Dispose();

    private EncodedMedia Read(string question, float[] features, GraphRunner runner, CancellationToken cancellationToken)
    {
        using Graph graph = runner.NewGraph();
        Tensor states = graph.Output(text.Build(graph, textConfig.TokensBesidePicture(question), features));
        runner.Run(graph, cancellationToken);
        return new EncodedMedia([], Graph.Read(states, 0, states.ElementCount));
    }
}
