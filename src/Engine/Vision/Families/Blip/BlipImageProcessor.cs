using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.Blip;

/// <summary>
/// The picture stretched to the tower's square. The decoder looks at the tower's rows, or, where it answers questions, at the states of the
/// question, which was read with the picture; no token stands for either. Source: salesforce/LAVIS,
/// lavis/processors/blip_processors.py, BlipImageEvalProcessor.
/// </summary>
internal sealed class BlipImageProcessor(BlipConfig config, bool readsQuestion)
    : SquaredImages(
        config.Tower.Tower.ImageSize,
        AspectRatioRule.Stretch,
        config.Tower.Tower.ImageMean,
        config.Tower.Tower.ImageDeviation,
        [LayoutSpan.OfMemory("", config.FeatureCount, config.FeatureCount)]
    )
{
    /// <exception cref="InstructionTooLongException">The text encoder has fewer positions than the question has tokens.</exception>
    public override SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        SlicePlan plan = base.Plan(image, request);
        if (!readsQuestion)
            return plan;
        string question = request.Instruction ?? "";
        int rows = config.Text!.Tokens(question).Length;
        return plan with { Layout = [LayoutSpan.OfMemory("", rows, rows)], Instruction = question };
    }
}
