using Tessera.Imaging;

namespace Tessera.Vision.Parts;

/// <summary>Cuts pixels into patches, so that the patch convolution becomes one matrix product.</summary>
internal static class PatchCutter
{
    /// <summary>
    /// Planes [width, height, 3] -> patches [patch * patch * 3, patches], row by row; within a patch x is fastest, then y, then the
    /// channel, which is the order of a convolution kernel [patch, patch, 3, hidden].
    /// </summary>
    public static void Cut(PreparedSlice slice, int patchSize, Span<float> patches)
    {
        int width = slice.Size.Width,
            columns = width / patchSize,
            rows = slice.Size.Height / patchSize;
        int area = width * slice.Size.Height,
            target = 0;
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                for (int channel = 0; channel < 3; channel++)
                {
                    int source = channel * area + row * patchSize * width + column * patchSize;
                    for (int y = 0; y < patchSize; y++, source += width, target += patchSize)
                        slice.Pixels.AsSpan(source, patchSize).CopyTo(patches[target..]);
                }
            }
        }
    }
}
