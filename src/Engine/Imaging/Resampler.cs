namespace Tessera.Imaging;

/// <summary>Which machine code a pass runs on. All give the same bytes; tests compare them.</summary>
internal enum ResampleCode
{
    /// <summary>The fastest that this processor has.</summary>
    Best,

    /// <summary>256-bit vectors of x64 processors, without the byte products of the newer ones.</summary>
    Avx2,

    /// <summary>128-bit vectors of any processor.</summary>
    Portable,

    /// <summary>One byte at a time.</summary>
    Scalar,
}

/// <summary>How a resize may use the machine.</summary>
/// <param name="MaxThreads">The most threads at work; 0 for as many as there are processors.</param>
/// <param name="Code">Which machine code to run.</param>
/// <param name="CancellationToken">Stops the work between rows.</param>
internal readonly record struct ResampleOptions(
    int MaxThreads = 0,
    ResampleCode Code = ResampleCode.Best,
    CancellationToken CancellationToken = default
)
{
    /// <summary>Runs <paramref name="body"/> for 0 .. count - 1, on several threads where that is allowed.</summary>
    public void ForEach(int count, Action<int> body)
    {
        if (MaxThreads != 1 && count > 1)
        {
            ParallelOptions options = new()
            {
                MaxDegreeOfParallelism = MaxThreads > 0 ? MaxThreads : -1,
                CancellationToken = CancellationToken,
            };
            Parallel.For(0, count, options, body);
            return;
        }
        for (int i = 0; i < count; i++)
        {
            CancellationToken.ThrowIfCancellationRequested();
            body(i);
        }
    }
}

/// <summary>
/// Pillow's <c>Image.resize</c> for 8-bit RGB, byte for byte: a horizontal pass, then a vertical one, 8 bits between them, each
/// skipped when its size does not change. (Pillow 13 swaps the passes for some tall pictures; models were trained before that.)
/// </summary>
internal static class Resampler
{
    // Bounds a table of weights, so that 1000000x1 does not need gigabytes.
    private const int MaxPlannedWeightCount = 1 << 20;
    private const int LeastWindowsPerShare = 8;
    private const int SharesPerThread = 2;

    /// <summary>Resizes a picture to <paramref name="width"/> x <paramref name="height"/>; always returns a new picture.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1 or the result is too large.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static RgbImage Resize(RgbImage image, int width, int height, ResampleFilter filter, ResampleOptions? options = null)
    {
        ResampleOptions use = options ?? new ResampleOptions();
        if (width == image.Width && height == image.Height)
            return image.Clone();
        RgbImage result = new(width, height);
        if (height == image.Height)
            ResizeRows(
                new PixelRows(image.PixelArray, image.Width, 0, height),
                new PixelRows(result.PixelArray, width, 0, height),
                filter,
                use
            );
        else if (width == image.Width)
            ResizeColumns(new PixelRows(image.PixelArray, width, 0, image.Height), image.Height, result, 0, height, filter, use);
        else
            ResizeBoth(image, result, filter, use);
        return result;
    }

    // Each thread goes down its shares of the output in bands, so that what lies between the passes stays in its cache.
    private static void ResizeBoth(RgbImage image, RgbImage result, ResampleFilter filter, ResampleOptions options)
    {
        HorizontalPass? whole =
            WindowsPerPlan(image.Width, result.Width, filter) >= result.Width
                ? new HorizontalPass(ResampleWindows.Plan(image.Width, result.Width, filter, 0, result.Width), options.Code)
                : null;
        int shareCount = whole is null ? 1 : ShareCount(image.Height, result.Height, filter, options);
        ResampleOptions inner = shareCount > 1 ? options with { MaxThreads = 1 } : options;
        options.ForEach(
            shareCount,
            share =>
            {
                int top = (int)((long)result.Height * share / shareCount),
                    end = (int)((long)result.Height * (share + 1) / shareCount);
                new BandResizer(image, result, filter, inner, whole).Run(top, end);
            }
        );
    }

    // Rows that two shares sum are resized twice, so shares are long.
    private static int ShareCount(int sourceHeight, int outputHeight, ResampleFilter filter, ResampleOptions options)
    {
        int threadCount = options.MaxThreads > 0 ? options.MaxThreads : Environment.ProcessorCount;
        long most = Math.Min(
            outputHeight,
            sourceHeight / (LeastWindowsPerShare * (long)ResampleWindows.MaxWeightCount(sourceHeight, outputHeight, filter))
        );
        return threadCount == 1 ? 1 : (int)Math.Clamp(most, 1, threadCount * SharesPerThread);
    }

    // Fills every row of the output from the same row of the source.
    internal static void ResizeRows(PixelRows source, PixelRows output, ResampleFilter filter, ResampleOptions options)
    {
        int step = WindowsPerPlan(source.Width, output.Width, filter);
        for (int left = 0; left < output.Width; left += step)
        {
            int count = Math.Min(step, output.Width - left);
            new HorizontalPass(ResampleWindows.Plan(source.Width, output.Width, filter, left, count), options.Code).Run(
                source,
                output,
                options
            );
        }
    }

    internal static void ResizeColumns(
        PixelRows source,
        int sourceHeight,
        RgbImage result,
        int top,
        int height,
        ResampleFilter filter,
        ResampleOptions options
    )
    {
        PixelRows output = new(result.PixelArray, result.Width, 0, result.Height);
        int step = WindowsPerPlan(sourceHeight, result.Height, filter);
        for (int first = top; first < top + height; first += step)
        {
            int count = Math.Min(step, top + height - first);
            VerticalPass.Run(source, output, ResampleWindows.Plan(sourceHeight, result.Height, filter, first, count), options);
        }
    }

    private static int WindowsPerPlan(int sourceSize, int outputSize, ResampleFilter filter) =>
        Math.Max(1, MaxPlannedWeightCount / ResampleWindows.MaxWeightCount(sourceSize, outputSize, filter));
}
