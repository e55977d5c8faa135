namespace Tessera.Imaging;

/// <summary>Rows <c>FirstRow .. FirstRow + RowCount - 1</c> of a picture, held in an array from byte <c>Begin</c> on.</summary>
internal readonly record struct PixelRows(byte[] Pixels, int Width, int FirstRow, int RowCount, int Begin = 0)
{
    public int RowByteLength => Width * RgbImage.BytesPerPixel;

    /// <summary>Where row <paramref name="y"/> of the picture begins in the array.</summary>
    public int Offset(int y) => Begin + (y - FirstRow) * RowByteLength;

    /// <summary>Some of the rows.</summary>
    public PixelRows Part(int y, int count) => From(y) with { RowCount = count };

    /// <summary>The same rows without those above <paramref name="y"/>.</summary>
    public PixelRows From(int y) => this with { FirstRow = y, RowCount = FirstRow + RowCount - y, Begin = Offset(y) };
}
