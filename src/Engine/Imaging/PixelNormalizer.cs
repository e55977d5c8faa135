namespace Tessera.Imaging;

/// <summary>
/// Turns 8-bit pixels into the tower's input: rescaled by 1/255 in double, rounded to float32, then less the mean and over the
/// standard deviation in float32 (huggingface/transformers v5.12: image_transforms.py, rescale and normalize).
/// </summary>
internal sealed class PixelNormalizer
{
    private const int Channels = 3;
    private const int Levels = 256;
    private readonly float[] table = new float[Channels * Levels];

    /// <param name="mean">Mean of red, green and blue in 0..1.</param>
    /// <param name="deviation">Standard deviation of red, green and blue in 0..1.</param>
    public PixelNormalizer(IReadOnlyList<float> mean, IReadOnlyList<float> deviation)
    {
        for (int channel = 0; channel < Channels; channel++)
        {
            for (int level = 0; level < Levels; level++)
                table[channel * Levels + level] = ((float)(level * (1 / 255.0)) - mean[channel]) / deviation[channel];
        }
    }

    /// <summary>8-bit interleaved [3, width, height] -> float32 planes [width, height, 3].</summary>
    public PreparedSlice Normalize(RgbImage image)
    {
        int area = image.Width * image.Height;
        var planes = new float[Channels * area];
        ReadOnlySpan<byte> pixels = image.Pixels;
        for (int channel = 0; channel < Channels; channel++)
        {
            ReadOnlySpan<float> values = table.AsSpan(channel * Levels, Levels);
            Span<float> plane = planes.AsSpan(channel * area, area);
            for (int index = 0, source = channel; index < plane.Length; index++, source += Channels)
                plane[index] = values[pixels[source]];
        }

        return new PreparedSlice(new PixelSize(image.Width, image.Height), planes);
    }
}
