namespace Tessera.Imaging;

/// <summary>A colour, 8 bits for each channel.</summary>
internal readonly record struct Rgb(byte Red, byte Green, byte Blue)
{
    /// <summary>The mean colour of a model as Python's <c>int(x * 255)</c> gives it: (122, 116, 104) for CLIP.</summary>
    /// <param name="mean">Red, green and blue in 0..1.</param>
    public static Rgb Mean(IReadOnlyList<float> mean) => new(Level(mean[0]), Level(mean[1]), Level(mean[2]));

    // A file's float32 stands for a decimal of at most seven digits; its float64 neighbour may lie below it.
    private static byte Level(float mean) => (byte)Math.Clamp((int)((double)(decimal)mean * 255), 0, 255);
}

/// <summary>Brings pictures of any shape to a square.</summary>
internal static class SquareImages
{
    private const int MaxSide = 200_000;
    private const long MaxIntermediateArea = 100_000_000;
    private const int BandRows = 128;

    /// <summary>
    /// Centres the picture on a square canvas of one colour, offsets rounded down, and resizes the canvas with Pillow's bicubic.
    /// Source: haotian-liu/LLaVA, llava/mm_utils.py, expand2square. The canvas is never held whole: a panorama would need gigabytes.
    /// </summary>
    /// <exception cref="TesseraException">The picture is too elongated.</exception>
    public static RgbImage PadAndResize(RgbImage image, int size, Rgb colour, CancellationToken cancellationToken)
    {
        int side = Math.Max(image.Width, image.Height);
        if (side > MaxSide || (long)side * size > MaxIntermediateArea)
            throw TooElongated(image);
        var options = new ResampleOptions(CancellationToken: cancellationToken);
        if (image.Width == image.Height)
            return Resampler.Resize(image, size, size, ResampleFilter.Bicubic, options);

        int left = (side - image.Width) / 2,
            top = (side - image.Height) / 2;
        RgbImage padRow = Resampler.Resize(new RgbImage(1, 1).PadTo(side, 1, side, 0, colour), size, 1, ResampleFilter.Bicubic, options);
        var narrowed = new RgbImage(size, side);
        for (int y = 0; y < side; y++)
            padRow.Pixels.CopyTo(narrowed.Row(y));
        NarrowRows(image, narrowed, left, top, colour, options);
        return Resampler.Resize(narrowed, size, size, ResampleFilter.Bicubic, options);
    }

    /// <summary>
    /// Stretches the picture to a square of its longer side, and that to the size, with Pillow's bicubic and 8 bits between. Source:
    /// X-PLUG/mPLUG-Owl, mPLUG-Owl2/mplug_owl2/mm_utils.py, process_images. The larger square is never held whole.
    /// </summary>
    /// <exception cref="TesseraException">The picture is too elongated.</exception>
    public static RgbImage StretchAndResize(RgbImage image, int size, CancellationToken cancellationToken)
    {
        int side = Math.Max(image.Width, image.Height);
        if (side > MaxSide || (long)side * size > MaxIntermediateArea)
            throw TooElongated(image);
        var options = new ResampleOptions(CancellationToken: cancellationToken);
        if (image.Width == image.Height || side == size)
            return Resampler.Resize(image, size, size, ResampleFilter.Bicubic, options);
        var narrowed = new RgbImage(size, side);
        var band = new byte[checked(side * BandRows * RgbImage.BytesPerPixel)];
        var source = new PixelRows(image.PixelArray, image.Width, 0, image.Height);
        for (int top = 0; top < side; top += BandRows)
        {
            int count = Math.Min(BandRows, side - top);
            var stretched = new PixelRows(band, side, top, count);
            if (image.Width == side)
                VerticalPass.Run(source, stretched, ResampleWindows.Plan(image.Height, side, ResampleFilter.Bicubic, top, count), options);
            else
                Resampler.ResizeRows(source, stretched, ResampleFilter.Bicubic, options);
            Resampler.ResizeRows(
                stretched,
                new PixelRows(narrowed.PixelArray, size, 0, side).Part(top, count),
                ResampleFilter.Bicubic,
                options
            );
        }

        return Resampler.Resize(narrowed, size, size, ResampleFilter.Bicubic, options);
    }

    // Of the rows that the picture is in, what it has a part in: of a thin one that is a few pixels, whatever the canvas.
    private static void NarrowRows(RgbImage image, RgbImage narrowed, int left, int top, Rgb colour, ResampleOptions options)
    {
        int side = narrowed.Height,
            size = narrowed.Width;
        ResampleWindows all = ResampleWindows.Plan(side, size, ResampleFilter.Bicubic, 0, size);
        int first = 0,
            end = size;
        while (all.Start(first) + all.Weights(first).Length <= left)
            first++;
        while (all.Start(end - 1) >= left + image.Width)
            end--;
        ResampleWindows windows = ResampleWindows.Plan(side, size, ResampleFilter.Bicubic, first, end - first);
        int begin = windows.SourceBegin,
            canvasWidth = windows.SourceEnd - begin;
        var pass = new HorizontalPass(windows.From(begin), options.Code);
        int bandRows = Math.Min(BandRows, image.Height),
            column = Math.Max(0, left - begin),
            columnCount = Math.Min(canvasWidth, left - begin + image.Width) - column;
        var part = new RgbImage(end - first, bandRows);
        // Its edges are the canvas of every band: a new one for each would leave several pictures' worth of garbage.
        RgbImage band = new RgbImage(1, 1).PadTo(canvasWidth, bandRows, canvasWidth, 0, colour);
        for (int start = 0; start < image.Height; start += bandRows)
        {
            int rows = Math.Min(bandRows, image.Height - start);
            for (int row = 0; row < rows; row++)
                image
                    .Row(start + row)
                    .Slice((column - left + begin) * RgbImage.BytesPerPixel, columnCount * RgbImage.BytesPerPixel)
                    .CopyTo(band.Row(row)[(column * RgbImage.BytesPerPixel)..]);
            pass.Run(new PixelRows(band.PixelArray, canvasWidth, 0, rows), new PixelRows(part.PixelArray, part.Width, 0, rows), options);
            for (int row = 0; row < rows; row++)
                part.Row(row).CopyTo(narrowed.Row(top + start + row)[(first * RgbImage.BytesPerPixel)..]);
        }
    }

    /// <summary>
    /// Resizes so that the shorter side is <paramref name="size"/> and the longer one truncated to whole pixels, with Pillow's
    /// bicubic, and cuts out the centre, offsets rounded down. Source: huggingface/transformers v5.12, image_transforms.py,
    /// get_resize_output_image_size and center_crop.
    /// </summary>
    /// <exception cref="TesseraException">The picture is too elongated.</exception>
    public static RgbImage ResizeAndCrop(RgbImage image, int size, CancellationToken cancellationToken, bool roundsToEven = false)
    {
        int shorter = Math.Min(image.Width, image.Height),
            longer = Math.Max(image.Width, image.Height);
        long longSide = (long)((double)((long)size * longer) / shorter);
        if (longSide * size > MaxIntermediateArea)
            throw TooElongated(image);
        (int width, int height) = image.Width <= image.Height ? (size, (int)longSide) : ((int)longSide, size);
        RgbImage resized = Resampler.Resize(
            image,
            width,
            height,
            ResampleFilter.Bicubic,
            new ResampleOptions(CancellationToken: cancellationToken)
        );
        return width == height ? resized : resized.Crop(Margin(width), Margin(height), size, size);

        int Margin(int side) => roundsToEven ? (int)Math.Round((side - size) / 2.0, MidpointRounding.ToEven) : (side - size) / 2;
    }

    private static TesseraException TooElongated(RgbImage image) =>
        new($"The picture is {image.Width} x {image.Height}, too elongated to be brought to a square: crop it first.");

    private static RgbImage PadTo(this RgbImage image, int width, int height, int left, int top, Rgb colour) =>
        image.PadTo(width, height, left, top, colour.Red, colour.Green, colour.Blue);
}
