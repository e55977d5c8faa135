using Tessera.Imaging;

namespace Tessera.Vision.Slicing;

/// <summary>How a family's pictures are cut and normalised. Thread-safe; never touches a native library.</summary>
internal interface IImageProcessor
{
    /// <summary>Sizes, grid, layout and token counts for a picture: arithmetic only.</summary>
    /// <exception cref="TesseraException">The family cannot keep the request's limits.</exception>
    SlicePlan Plan(PixelSize image, PlanRequest request);

    /// <summary>The pixels of each slice of a plan, as the reference makes them.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    IReadOnlyList<PreparedSlice> Prepare(RgbImage image, SlicePlan plan, CancellationToken cancellationToken);
}
