using Tessera.Vision.Parts;
using Tessera.Vision.Slicing;

namespace Tessera.Vision.Families.InstructBlip;

/// <summary>The picture stretched to the tower's square, and what is asked about it; its rows are the queries'.</summary>
internal sealed class InstructBlipImageProcessor(QFormerProjectorConfig config, QFormerText text)
    : SquaredImages(
        config.Tower.Tower.ImageSize,
        AspectRatioRule.Stretch,
        config.Tower.Tower.ImageMean,
        config.Tower.Tower.ImageDeviation,
        [new LayoutSpan("overview", config.QFormer.QueryCount)]
    )
{
    /// <exception cref="InstructionTooLongException">The Q-Former has fewer positions than the instruction has tokens.</exception>
    public override SlicePlan Plan(PixelSize image, PlanRequest request)
    {
        string instruction = request.Instruction ?? "";
        int tokenCount = text.Tokenizer.Tokenize(instruction).Length;
        return tokenCount <= text.PositionCount
            ? base.Plan(image, request) with
            {
                Instruction = instruction,
            }
            : throw new InstructionTooLongException(tokenCount, text.PositionCount);
    }
}
