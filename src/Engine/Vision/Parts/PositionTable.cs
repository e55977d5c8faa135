namespace Tessera.Vision.Parts;

/// <summary>How a table of positions is resized.</summary>
internal enum TableResize
{
    /// <summary>Cubic with a = -0.75 over four neighbours (torch.nn.functional.interpolate, mode bicubic).</summary>
    Bicubic,

    /// <summary>Cubic with a = -0.5 whose window grows when the table shrinks (the same with antialias).</summary>
    AntialiasedBicubic,
}

/// <summary>
/// A square table of learned positions, resized to the grid of a slice, in float32. Source: pytorch/pytorch v2.14,
/// aten/src/ATen/native/cpu/UpSampleKernel.cpp (align_corners off), which timm's resample_abs_pos_embed calls with antialias.
/// </summary>
internal sealed class PositionTable(float[] values, int side, int width)
{
    /// <summary>[width, columns * rows], row by row.</summary>
    public float[] Resize(int columns, int rows, TableResize kind)
    {
        if (columns == side && rows == side)
            return values;
        Tap[][] across = Windows(columns, kind),
            down = Windows(rows, kind);
        var between = new float[(long)columns * side * width];
        Parallel.For(
            0,
            side,
            row =>
            {
                for (int column = 0; column < columns; column++)
                    Sum(
                        across[column],
                        values.AsSpan(row * side * width, side * width),
                        width,
                        between.AsSpan((row * columns + column) * width, width)
                    );
            }
        );
        var resized = new float[(long)columns * rows * width];
        Parallel.For(0, rows, row => Sum(down[row], between, columns * width, resized.AsSpan(row * columns * width, columns * width)));
        return resized;
    }

    // The weighted sum of stretches of one length that lie end to end.
    private static void Sum(Tap[] taps, ReadOnlySpan<float> source, int length, Span<float> target)
    {
        foreach (Tap tap in taps)
        {
            ReadOnlySpan<float> part = source.Slice(tap.Index * length, length);
            for (int index = 0; index < length; index++)
                target[index] += tap.Weight * part[index];
        }
    }

    private Tap[][] Windows(int outputs, TableResize kind)
    {
        float scale = (float)side / outputs;
        return
        [
            .. Enumerable
                .Range(0, outputs)
                .Select(index => kind == TableResize.Bicubic ? FourNeighbours(scale, index) : Window(scale, index)),
        ];
    }

    private Tap[] FourNeighbours(float scale, int index)
    {
        const float A = -0.75f;
        float source = scale * (index + 0.5f) - 0.5f;
        int first = (int)MathF.Floor(source);
        float fraction = source - first;
        return [.. Enumerable.Range(-1, 4).Select(offset => new Tap(Math.Clamp(first + offset, 0, side - 1), Cubic(fraction - offset, A)))];
    }

    private Tap[] Window(float scale, int index)
    {
        const float A = -0.5f;
        float stretch = Math.Max(1, scale),
            center = scale * (index + 0.5f),
            support = 2 * stretch;
        int first = Math.Max((int)(center - support + 0.5f), 0),
            end = Math.Min((int)(center + support + 0.5f), side);
        float[] weights = [.. Enumerable.Range(first, end - first).Select(position => Cubic((position - center + 0.5f) / stretch, A))];
        float total = weights.Sum();
        return [.. weights.Select((weight, offset) => new Tap(first + offset, weight / total))];
    }

    // Keys' convolution kernel.
    private static float Cubic(float distance, float a)
    {
        float x = Math.Abs(distance);
        if (x <= 1)
            return ((a + 2) * x - (a + 3)) * x * x + 1;
        return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
    }

    private readonly record struct Tap(int Index, float Weight);
}
