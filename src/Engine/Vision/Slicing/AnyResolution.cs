using Tessera.Imaging;

namespace Tessera.Vision.Slicing;

/// <summary>A picture fitted into a canvas of tiles: resized without distortion and centred, the rest black.</summary>
/// <param name="Canvas">Size of the canvas.</param>
/// <param name="Resized">Size of the picture in it.</param>
/// <param name="Left">Column of the picture's left edge.</param>
/// <param name="Top">Row of the picture's top edge.</param>
internal readonly record struct CanvasFit(PixelSize Canvas, PixelSize Resized, int Left, int Top);

/// <summary>
/// The choice of a canvas and the fit into it. Source: haotian-liu/LLaVA, llava/mm_utils.py, select_best_resolution and
/// resize_and_pad_image. All arithmetic in double, as Python's.
/// </summary>
internal static class AnyResolution
{
    /// <summary>The canvas that keeps most of the picture's pixels, then the one that wastes least; the first of equals.</summary>
    public static PixelSize SelectBest(PixelSize image, IEnumerable<PixelSize> candidates)
    {
        PixelSize best = default;
        long bestKept = -1,
            bestWaste = long.MaxValue;
        foreach (PixelSize canvas in candidates)
        {
            double scale = Math.Min((double)canvas.Width / image.Width, (double)canvas.Height / image.Height);
            long kept = Math.Min((long)(image.Width * scale) * (long)(image.Height * scale), image.Area);
            long waste = canvas.Area - kept;
            if (kept < bestKept || kept == bestKept && waste >= bestWaste)
                continue;
            (best, bestKept, bestWaste) = (canvas, kept, waste);
        }

        return best;
    }

    /// <summary>The picture's place in a canvas: one side fills it, the other is rounded up, offsets are rounded down.</summary>
    public static CanvasFit Fit(PixelSize image, PixelSize canvas)
    {
        double scaleX = (double)canvas.Width / image.Width,
            scaleY = (double)canvas.Height / image.Height;
        return Centre(
            canvas,
            scaleX < scaleY
                ? new PixelSize(canvas.Width, (int)Math.Min(Math.Ceiling(image.Height * scaleX), canvas.Height))
                : new PixelSize((int)Math.Min(Math.Ceiling(image.Width * scaleY), canvas.Width), canvas.Height)
        );
    }

    /// <summary>The same in whole numbers, so that 300 x 200 on 448 x 224 is 336 wide, and not 337 as in double.</summary>
    public static CanvasFit FitExactly(PixelSize image, PixelSize canvas) =>
        Centre(
            canvas,
            (long)canvas.Width * image.Height < (long)canvas.Height * image.Width
                ? new PixelSize(canvas.Width, CeilingOf((long)image.Height * canvas.Width, image.Width))
                : new PixelSize(CeilingOf((long)image.Width * canvas.Height, image.Height), canvas.Height)
        );

    /// <summary>Draws the canvas with Pillow's bicubic and cuts it into square tiles, row by row.</summary>
    public static IReadOnlyList<RgbImage> CutTiles(RgbImage image, CanvasFit fit, int tileSize, CancellationToken cancellationToken)
    {
        RgbImage resized = Resampler.Resize(
            image,
            fit.Resized.Width,
            fit.Resized.Height,
            ResampleFilter.Bicubic,
            new ResampleOptions(CancellationToken: cancellationToken)
        );
        RgbImage canvas = resized.PadTo(fit.Canvas.Width, fit.Canvas.Height, fit.Left, fit.Top, 0, 0, 0);
        var tiles = new List<RgbImage>();
        for (int top = 0; top < canvas.Height; top += tileSize)
        {
            for (int left = 0; left < canvas.Width; left += tileSize)
                tiles.Add(canvas.Crop(left, top, tileSize, tileSize));
        }

        return tiles;
    }

    /// <summary>The part of the original picture under a tile; where the canvas is padded it reaches outside.</summary>
    public static SourceRectangle SourceOf(PixelSize image, CanvasFit fit, int tileSize, int row, int column)
    {
        double x = (double)image.Width / fit.Resized.Width,
            y = (double)image.Height / fit.Resized.Height;
        return new SourceRectangle((column * tileSize - fit.Left) * x, (row * tileSize - fit.Top) * y, tileSize * x, tileSize * y);
    }

    private static CanvasFit Centre(PixelSize canvas, PixelSize resized) =>
        new(canvas, resized, (canvas.Width - resized.Width) / 2, (canvas.Height - resized.Height) / 2);

    private static int CeilingOf(long numerator, long denominator) => (int)((numerator + denominator - 1) / denominator);
}
