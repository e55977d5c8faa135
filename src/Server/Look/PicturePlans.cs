using Microsoft.Extensions.AI;
using Tessera.Server.Answers;

namespace Tessera.Server.Look;

/// <summary>Plans the pictures of a request, before anything is encoded.</summary>
internal static class PicturePlans
{
    /// <summary>The limits that a request's options set.</summary>
    public static PlanRequest LimitsOf(ChatOptions options) =>
        new()
        {
            MaxSlices = options.AdditionalProperties?.GetValueOrDefault("max_slices") as int?,
            MaxImageTokens = options.AdditionalProperties?.GetValueOrDefault("max_image_tokens") as int?,
        };

    /// <summary>How each picture will be cut; reads headers only.</summary>
    /// <exception cref="TesseraException">A picture cannot be used.</exception>
    public static IReadOnlyList<LookDocument> Of(AnswerCall call, MultimodalModel model)
    {
        PlanRequest limits = LimitsOf(call.Options);
        return
        [
            .. call.Pictures()
                .Select(item =>
                {
                    VisionModel vision = model.Vision ?? throw new NoProjectorException(model.Path);
                    SlicePlan plan = vision.Plan(new PromptImage(item.Picture.Data, "a picture"), limits with { ImageCount = item.Count });
                    return LookDocument.Of(vision, plan);
                }),
        ];
    }
}
