using Tessera.Imaging;

namespace Tessera.Vision.Families.Vila;

/// <summary>
/// Square pictures at several scales, made from the normalised pixels of the largest. Source: bfshi/scaling_on_scales, s2wrapper/core.py,
/// forward, and utils.py, split_chessboard; the filter is pytorch/pytorch v2.14's bicubic without antialiasing
/// (aten/src/ATen/native/UpSample.h, cubic_convolution1 and 2 with A = -0.75), computed in double and rounded once.
/// </summary>
internal static class PixelScales
{
    private const int Channels = 3;
    private const double A = -0.75;

    /// <summary>A square picture [side, side, 3] -> [newSide, newSide, 3].</summary>
    public static PreparedSlice Shrink(PreparedSlice picture, int newSide)
    {
        int side = picture.Size.Width;
        if (newSide == side)
            return picture;
        Taps[] taps = [.. Enumerable.Range(0, newSide).Select(index => Taps.At(index, side, newSide))];
        var shrunk = new float[Channels * newSide * newSide];
        Parallel.For(
            0,
            Channels * newSide,
            line =>
            {
                (int channel, int row) = Math.DivRem(line, newSide);
                ReadOnlySpan<float> plane = picture.Pixels.AsSpan(channel * side * side, side * side);
                Span<float> target = shrunk.AsSpan(line * newSide, newSide);
                for (int column = 0; column < newSide; column++)
                    target[column] = (float)Blend(plane, side, taps[column], taps[row]);
            }
        );
        return new PreparedSlice(new PixelSize(newSide, newSide), shrunk);
    }

    /// <summary>The tiles of a square picture, row by row.</summary>
    public static IEnumerable<PreparedSlice> Split(PreparedSlice picture, int tilesPerSide)
    {
        if (tilesPerSide == 1)
            return [picture];
        int side = picture.Size.Width,
            tile = side / tilesPerSide;
        return Enumerable
            .Range(0, tilesPerSide * tilesPerSide)
            .Select(index => Crop(picture, index % tilesPerSide * tile, index / tilesPerSide * tile, tile));
    }

    private static PreparedSlice Crop(PreparedSlice picture, int left, int top, int size)
    {
        int side = picture.Size.Width;
        var pixels = new float[Channels * size * size];
        for (int line = 0; line < Channels * size; line++)
        {
            (int channel, int row) = Math.DivRem(line, size);
            picture.Pixels.AsSpan((channel * side + top + row) * side + left, size).CopyTo(pixels.AsSpan(line * size));
        }

        return new PreparedSlice(new PixelSize(size, size), pixels);
    }

    private static double Blend(ReadOnlySpan<float> plane, int side, Taps across, Taps down)
    {
        double sum = 0;
        for (int y = 0; y < 4; y++)
        {
            ReadOnlySpan<float> row = plane.Slice(Math.Clamp(down.First + y, 0, side - 1) * side, side);
            double line = 0;
            for (int x = 0; x < 4; x++)
                line += row[Math.Clamp(across.First + x, 0, side - 1)] * across[x];
            sum += line * down[y];
        }

        return sum;
    }

    /// <summary>The four neighbours of a place and their weights.</summary>
    private readonly record struct Taps(int First, double W0, double W1, double W2, double W3)
    {
        public double this[int index] =>
            index switch
            {
                0 => W0,
                1 => W1,
                2 => W2,
                _ => W3,
            };

        public static Taps At(int index, int side, int newSide)
        {
            double place = (double)side / newSide * (index + 0.5) - 0.5,
                cell = Math.Floor(place),
                t = place - cell;
            return new Taps((int)cell - 1, Far(t + 1), Near(t), Near(1 - t), Far(2 - t));
        }

        private static double Near(double x) => ((A + 2) * x - (A + 3)) * x * x + 1;

        private static double Far(double x) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
    }
}
