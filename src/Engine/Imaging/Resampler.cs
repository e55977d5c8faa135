namespace Tessera.Imaging;

/// <summary>Which machine code a pass runs on. All give the same bytes; tests compare them.</summary>
internal enum ResampleCode
{
    /// <summary>The fastest that this processor has.</summary>
    Best,

    /// <summary>128-bit vectors of any processor.</summary>
    Portable,

    /// <summary>One byte at a time.</summary>
    Scalar,
}

/// <summary>How a resize may use the machine.</summary>
/// <param name="MaxThreads">The most threads at work; 0 for as many as there are processors.</param>
/// <param name="Code">Which machine code to run.</param>
/// <param name="Cancellation">Stops the work between rows.</param>
internal readonly record struct ResampleOptions(int MaxThreads = 0, ResampleCode Code = ResampleCode.Best, CancellationToken Cancellation = default)
{
    /// <summary>Runs <paramref name="body"/> for 0 .. count - 1, on several threads where that is allowed.</summary>
    public void ForEach(int count, Action<int> body)
    {
        if (MaxThreads != 1 && count > 1)
        {
            ParallelOptions options = new() { MaxDegreeOfParallelism = MaxThreads > 0 ? MaxThreads : -1, CancellationToken = Cancellation };
            Parallel.For(0, count, options, body);
            return;
        }
        for (int i = 0; i < count; i++)
        {
            Cancellation.ThrowIfCancellationRequested();
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
    // Bounds on what lies between the passes and on a table of weights, so that 1000000x1 does not need gigabytes.
    private const int MaxBandByteLength = 64 << 20;
    private const int MaxPlannedWeightCount = 1 << 20;

    /// <summary>Resizes a picture to <paramref name="width"/> x <paramref name="height"/>; always returns a new picture.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1 or the result is too large.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static RgbImage Resize(RgbImage image, int width, int height, ResampleFilter filter, ResampleOptions? options = null)
    {
        ResampleOptions use = options ?? new ResampleOptions();
        if (width == image.Width && height == image.Height) return image.Clone();
        RgbImage result = new(width, height);
        if (height == image.Height)
            ResizeRows(new PixelRows(image.PixelArray, image.Width, 0, height), new PixelRows(result.PixelArray, width, 0, height), filter, use);
        else if (width == image.Width)
            ResizeColumns(new PixelRows(image.PixelArray, width, 0, image.Height), image.Height, result, 0, height, filter, use);
        else
            ResizeBoth(image, result, filter, use);
        return result;
    }

    // Works on bands of output rows: only the source rows that a band sums are resized horizontally, and held.
    private static void ResizeBoth(RgbImage image, RgbImage result, ResampleFilter filter, ResampleOptions options)
    {
        int windowRows = ResampleWindows.MaxWeightCount(image.Height, result.Height, filter);
        long rowsThatFit = Math.Max(1, MaxBandByteLength / result.RowByteLength);
        double outputRowsPerSourceRow = (double)result.Height / image.Height;
        int bandHeight = (int)Math.Clamp((rowsThatFit - windowRows) * outputRowsPerSourceRow, 1, result.Height);
        for (int top = 0; top < result.Height; top += bandHeight)
        {
            int height = Math.Min(bandHeight, result.Height - top);
            ResampleWindows ends = ResampleWindows.Plan(image.Height, result.Height, filter, top, 1);
            ResampleWindows last = ResampleWindows.Plan(image.Height, result.Height, filter, top + height - 1, 1);
            PixelRows source = new(image.PixelArray, image.Width, 0, image.Height);
            PixelRows between = PixelRows.Allocate(result.Width, ends.SourceBegin, last.SourceEnd - ends.SourceBegin);
            ResizeRows(source, between, filter, options);
            ResizeColumns(between, image.Height, result, top, height, filter, options);
        }
    }

    // Fills every row of the output from the same row of the source.
    private static void ResizeRows(PixelRows source, PixelRows output, ResampleFilter filter, ResampleOptions options)
    {
        int step = WindowsPerPlan(source.Width, output.Width, filter);
        for (int left = 0; left < output.Width; left += step)
        {
            int count = Math.Min(step, output.Width - left);
            HorizontalPass.Run(source, output, ResampleWindows.Plan(source.Width, output.Width, filter, left, count), options);
        }
    }

    private static void ResizeColumns(
        PixelRows source, int sourceHeight, RgbImage result, int top, int height, ResampleFilter filter, ResampleOptions options)
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

/// <summary>Rows <c>FirstRow .. FirstRow + RowCount - 1</c> of a picture, held from the start of an array.</summary>
internal readonly record struct PixelRows(byte[] Pixels, int Width, int FirstRow, int RowCount)
{
    public int RowByteLength => Width * RgbImage.BytesPerPixel;

    /// <summary>Where row <paramref name="y"/> of the picture begins in the array.</summary>
    public int Offset(int y) => (y - FirstRow) * RowByteLength;

    public static PixelRows Allocate(int width, int firstRow, int rowCount) =>
        new(GC.AllocateUninitializedArray<byte>(RgbImage.RequiredLength(width, rowCount)), width, firstRow, rowCount);
}
