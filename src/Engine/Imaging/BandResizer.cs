namespace Tessera.Imaging;

/// <summary>
/// Resizes both ways, a band of output rows at a time: only the source rows that a band sums are resized horizontally, and held. Rows that
/// the next band sums too are kept for it.
/// </summary>
/// <param name="image">The source.</param>
/// <param name="result">The output.</param>
/// <param name="filter">The curve.</param>
/// <param name="options">How a band may use the machine.</param>
/// <param name="whole">The windows of whole rows; null where they are too many to hold.</param>
internal sealed class BandResizer(RgbImage image, RgbImage result, ResampleFilter filter, ResampleOptions options, HorizontalPass? whole)
{
    // Half of a core's second-level cache, as small as that is; windows that are made anew for each band want few bands.
    private const int CachedByteLength = 1 << 19;
    private const int UncachedByteLength = 64 << 20;

    private readonly PixelRows source = new(image.PixelArray, image.Width, 0, image.Height);

    /// <summary>Fills rows <paramref name="top"/> .. <paramref name="end"/> - 1 of the result.</summary>
    public void Run(int top, int end)
    {
        int windowRows = ResampleWindows.MaxWeightCount(image.Height, result.Height, filter);
        int rowsThatFit = (whole is null ? UncachedByteLength : CachedByteLength) / result.RowByteLength;
        int bandHeight = (int)Math.Clamp((long)(rowsThatFit - windowRows) * result.Height / image.Height, 1, end - top);
        PixelRows held = default;
        for (int begin = top; begin < end; begin += bandHeight)
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            int height = Math.Min(bandHeight, end - begin);
            held = Advance(held, SourceRow(begin).SourceBegin, SourceRow(begin + height - 1).SourceEnd);
            Resampler.ResizeColumns(held, image.Height, result, begin, height, filter, options);
        }
    }

    private ResampleWindows SourceRow(int outputRow) => ResampleWindows.Plan(image.Height, result.Height, filter, outputRow, 1);

    // Rows begin .. end - 1, horizontally resized; those that are held already move to the front.
    private PixelRows Advance(PixelRows held, int begin, int end)
    {
        int byteLength = RgbImage.RequiredLength(result.Width, end - begin),
            keptCount = Math.Max(0, held.FirstRow + held.RowCount - begin);
        byte[] pixels = held.Pixels?.Length >= byteLength ? held.Pixels : GC.AllocateUninitializedArray<byte>(byteLength);
        if (keptCount > 0)
            held.Pixels.AsSpan(held.Offset(begin), keptCount * held.RowByteLength).CopyTo(pixels);
        PixelRows rows = new(pixels, result.Width, begin, end - begin);
        PixelRows missing = rows.From(begin + keptCount);
        if (whole is null)
            Resampler.ResizeRows(source, missing, filter, options);
        else
            whole.Run(source, missing, options);
        return rows;
    }
}
