using Tessera.Imaging;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Blip;

/// <summary>
/// The picture stretched to the tower's square. The decoder looks at the tower's rows, or, where it answers questions, at the states of the
/// question, which was read with the picture; no token stands for either. Source: salesforce/LAVIS,
/// lavis/processors/blip_processors.py, BlipImageEvalProcessor.
/// </summary>
internal sealed class BlipImageProcessor(BlipConfig config, bool readsQuestion) : IImageProcessor
{
    private readonly StretchedImage stretched = new(
        config.Tower.Tower.ImageSize,
        config.FeatureCount,
        new PixelNormalizer(config.Tower.Tower.ImageMean, config.Tower.Tower.ImageDeviation)
    );

    /// <exception cref="InstructionTooLongException">The text encoder has fewer positions than the question has tokens.</exception>
    public SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        SlicePlan plan = stretched.Plan(image, request);
        if (!readsQuestion)
            return plan with { Layout = [LayoutSpan.OfMemory("", config.FeatureCount, config.FeatureCount)] };
        string question = request.Instruction ?? "";
        int rows = config.Text!.Tokens(question).Length;
        return plan with { Layout = [LayoutSpan.OfMemory("", rows, rows)], Instruction = question };
    }

    public IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken) =>
        stretched.Prepare(image, cancellationToken);
}
