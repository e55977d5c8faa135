using Tessera.Imaging;

namespace Tessera.Vision.Slicing;

/// <summary>How a family's pictures and videos are cut and normalised. Thread-safe; never touches a native library.</summary>
internal interface IImageProcessor
{
    /// <summary>Sizes, grid, layout and token counts for a picture: arithmetic only.</summary>
    /// <exception cref="TesseraException">The family cannot keep the request's limits.</exception>
    SlicePlan Plan(PixelSize image, PlanRequest request);

    /// <summary>The pixels of each slice of a plan, as the reference makes them.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken);

    /// <summary>The same for the frames of a video: by themselves, as pictures that are not cut, where a family has no rule.</summary>
    /// <param name="frames">Size of each frame.</param>
    /// <param name="request">Limits.</param>
    SlicePlan PlanVideo(IReadOnlyList<PixelSize> frames, PlanRequest request) => FramePlans.Join(FramePlans.Of(this, frames, request));

    /// <summary>The pixels of each slice of a video's plan.</summary>
    IReadOnlyList<PreparedSlice> PrepareVideo(IReadOnlyList<RgbImage> frames, SlicePlan plan, CancellationToken cancellationToken) =>
        FramePlans.Prepare(this, frames, plan, cancellationToken);
}
