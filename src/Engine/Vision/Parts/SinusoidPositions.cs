namespace Tessera.Vision.Parts;

/// <summary>
/// Positions as sines and cosines on a grid: the first half of an embedding from the column, the second from the row, each the sines and
/// then the cosines of falling frequencies, in float32. Source: facebookresearch/mae, util/pos_embed.py, get_2d_sincos_pos_embed, as
/// OpenBMB's and LLaVA-UHD's resampler.py have it.
/// </summary>
internal static class SinusoidPositions
{
    private const float Base = 10000;

    /// <summary>[width, columns * rows], row by row; the width is a multiple of 4.</summary>
    public static float[] Build(int columns, int rows, int width)
    {
        int half = width / 2;
        float[] across = Axis(columns, half),
            down = columns == rows ? across : Axis(rows, half);
        var values = new float[(long)columns * rows * width];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                Span<float> target = values.AsSpan((row * columns + column) * width, width);
                across.AsSpan(column * half, half).CopyTo(target);
                down.AsSpan(row * half, half).CopyTo(target[half..]);
            }
        }

        return values;
    }

    private static float[] Axis(int count, int width)
    {
        int frequencies = width / 2;
        var values = new float[count * width];
        for (int index = 0; index < frequencies; index++)
        {
            float frequency = 1 / MathF.Pow(Base, index / (float)frequencies);
            for (int position = 0; position < count; position++)
                (values[position * width + index], values[position * width + frequencies + index]) = (
                    MathF.Sin(position * frequency),
                    MathF.Cos(position * frequency)
                );
        }

        return values;
    }
}
