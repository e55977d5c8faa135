namespace Tessera;

/// <summary>A picture of 8-bit red, green, blue pixels, interleaved, row after row from the top, without padding between rows.</summary>
public sealed class RgbImage
{
    /// <summary>Bytes of one pixel.</summary>
    public const int BytesPerPixel = 3;

    private readonly byte[] pixels;

    /// <summary>Creates a black picture.</summary>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1, or the picture needs more bytes than one array holds.</exception>
    public RgbImage(int width, int height)
        : this(width, height, new byte[RequiredLength(width, height)]) { }

    /// <summary>Wraps pixels without copying them.</summary>
    /// <param name="width">Pixels in a row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="pixels">Exactly <c>width * height * 3</c> bytes; the picture owns them from now on.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1, or the picture needs more bytes than one array holds.</exception>
    /// <exception cref="ArgumentException">The array has another length.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        int length = RequiredLength(width, height);
        if (pixels.Length != length)
            throw new ArgumentException($"A {width}x{height} picture has {length} bytes, not {pixels.Length}.", nameof(pixels));
        Width = width;
        Height = height;
        this.pixels = pixels;
    }

    /// <summary>Pixels in a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Bytes of one row.</summary>
    public int RowByteLength => Width * BytesPerPixel;

    /// <summary>All pixels: <c>[height, width, 3]</c>.</summary>
    public Span<byte> Pixels => pixels;

    internal byte[] PixelArray => pixels;

    /// <summary>One row: <c>[width, 3]</c>.</summary>
    /// <param name="y">The row, counted from the top.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public Span<byte> Row(int y)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(y);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(y, Height);
        return pixels.AsSpan(y * RowByteLength, RowByteLength);
    }

    /// <summary>Copies a rectangle that lies inside the picture.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The rectangle is empty or reaches outside.</exception>
    public RgbImage Crop(int left, int top, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)left + width, Width, nameof(width));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)top + height, Height, nameof(height));
        RgbImage result = new(width, height);
        for (int y = 0; y < height; y++)
            Row(top + y).Slice(left * BytesPerPixel, result.RowByteLength).CopyTo(result.Row(y));
        return result;
    }

    /// <summary>Pastes the picture onto a canvas of one colour; what falls outside the canvas is cut off.</summary>
    /// <param name="width">Width of the canvas.</param>
    /// <param name="height">Height of the canvas.</param>
    /// <param name="left">Column of the canvas where the picture's left edge goes; may be negative.</param>
    /// <param name="top">Row of the canvas where the picture's top edge goes; may be negative.</param>
    /// <param name="red">Red of the canvas.</param>
    /// <param name="green">Green of the canvas.</param>
    /// <param name="blue">Blue of the canvas.</param>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1, or the canvas needs more bytes than one array holds.</exception>
    public RgbImage PadTo(int width, int height, int left, int top, byte red, byte green, byte blue)
    {
        RgbImage canvas = new(width, height);
        canvas.Fill(red, green, blue);
        int firstColumn = Math.Max(0, left),
            firstRow = Math.Max(0, top);
        int columnCount = (int)Math.Min(width, (long)left + Width) - firstColumn;
        int endRow = (int)Math.Min(height, (long)top + Height);
        if (columnCount <= 0)
            return canvas;
        for (int y = firstRow; y < endRow; y++)
        {
            Span<byte> visible = Row(y - top).Slice((firstColumn - left) * BytesPerPixel, columnCount * BytesPerPixel);
            visible.CopyTo(canvas.Row(y)[(firstColumn * BytesPerPixel)..]);
        }
        return canvas;
    }

    /// <summary>A copy that shares nothing with this picture.</summary>
    public RgbImage Clone() => new(Width, Height, (byte[])pixels.Clone());

    /// <summary>Bytes of a picture of this size.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A side is below 1, or the picture needs more bytes than one array holds.</exception>
    internal static int RequiredLength(int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        long pixelCount = checked((long)width * height);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pixelCount, Array.MaxLength / BytesPerPixel, nameof(width));
        return (int)pixelCount * BytesPerPixel;
    }

    private void Fill(byte red, byte green, byte blue)
    {
        Span<byte> first = Row(0);
        for (int x = 0; x < first.Length; x += BytesPerPixel)
        {
            first[x] = red;
            first[x + 1] = green;
            first[x + 2] = blue;
        }
        for (int y = 1; y < Height; y++)
            first.CopyTo(Row(y));
    }
}
