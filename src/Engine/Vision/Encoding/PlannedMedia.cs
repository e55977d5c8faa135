namespace Tessera.Vision.Encoding;

/// <summary>A picture or a video with the plan that it is prepared by.</summary>
internal sealed record PlannedMedia(PromptMedia Media, SlicePlan Plan);
