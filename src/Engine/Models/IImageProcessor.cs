using Tessera.Imaging;

namespace Tessera.Models;

/// <summary>How a family's pictures are cut and normalised. Thread-safe; never touches a native library.</summary>
internal interface IImageProcessor
{
    /// <summary>Sizes, grid and token counts for a picture: arithmetic only.</summary>
    SlicePlan Plan(PixelSize image);

    /// <summary>The pixels as the reference makes them.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    PreparedImage Prepare(RgbImage image, CancellationToken cancellationToken);
}
