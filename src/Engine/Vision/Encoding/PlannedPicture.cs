namespace Tessera.Vision.Encoding;

/// <summary>A picture, what was asked of its plan, and the plan.</summary>
internal sealed record PlannedPicture(PromptImage Image, PlanRequest Request, SlicePlan Plan);
