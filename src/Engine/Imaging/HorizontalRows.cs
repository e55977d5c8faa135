using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Imaging;

/// <summary>Resizes four rows at once.</summary>
internal delegate void FourRowPass(FourRows source, FourRows output);

/// <summary>Rows y .. y + 3; past the end, rows repeat: they are computed twice by one thread, to the same bytes.</summary>
internal readonly unsafe struct FourRows(byte* start, PixelRows rows, int y, int end)
{
    public readonly byte* Row0 = start + rows.Offset(y);
    public readonly byte* Row1 = start + rows.Offset(Math.Min(y + 1, end - 1));
    public readonly byte* Row2 = start + rows.Offset(Math.Min(y + 2, end - 1));
    public readonly byte* Row3 = start + rows.Offset(Math.Min(y + 3, end - 1));

    /// <summary>
    /// Clamps and writes one pixel of each row, given as [row's red, green, blue, any | next row's]: four bytes, of which the last belongs
    /// to the pixel written next; a row's last pixel gets three.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(int x, int width, Vector256<int> rows01, Vector256<int> rows23)
    {
        Vector256<short> words = Avx2.PackSignedSaturate(rows01, rows23);
        Vector256<uint> bytes = Avx2.PackUnsignedSaturate(words, words).AsUInt32();
        StorePixel(Row0, x, width, bytes.GetElement(0));
        StorePixel(Row2, x, width, bytes.GetElement(1));
        StorePixel(Row1, x, width, bytes.GetElement(4));
        StorePixel(Row3, x, width, bytes.GetElement(5));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePixel(byte* row, int x, int width, uint pixel)
    {
        byte* target = row + x * RgbImage.BytesPerPixel;
        if (x + 1 < width)
        {
            Unsafe.WriteUnaligned(target, pixel);
            return;
        }
        target[0] = (byte)pixel;
        target[1] = (byte)(pixel >> 8);
        target[2] = (byte)(pixel >> 16);
    }
}

/// <summary>Takes a picture's rows to a pass by fours, on several threads where that is allowed.</summary>
internal static unsafe class HorizontalRows
{
    /// <summary>How far past the last pixel of a window its loads may reach: three pixels of padding and the rest of 16 bytes.</summary>
    public const int OverreadByteLength = 16;

    private const int RowsAtOnce = 4;
    private const int RowsPerTask = 16;

    /// <summary>Runs <paramref name="pass"/> for every row of <paramref name="output"/>.</summary>
    public static void ForEachFour(PixelRows source, PixelRows output, ResampleOptions options, FourRowPass pass)
    {
        int endRow = output.FirstRow + output.RowCount;
        options.ForEach(
            (output.RowCount + RowsPerTask - 1) / RowsPerTask,
            task =>
            {
                int begin = output.FirstRow + task * RowsPerTask;
                int end = Math.Min(begin + RowsPerTask, endRow);
                fixed (byte* to = output.Pixels)
                {
                    for (int y = begin; y < end; y += RowsAtOnce)
                    {
                        PixelRows readable = WithRoomToOverread(source, y, Math.Min(y + RowsAtOnce, end));
                        fixed (byte* from = readable.Pixels)
                            pass(new FourRows(from, readable, y, end), new FourRows(to, output, y, end));
                    }
                }
            }
        );
    }

    // The last rows of an array are copied to one with room behind them.
    private static PixelRows WithRoomToOverread(PixelRows source, int begin, int end)
    {
        int offset = source.Offset(begin),
            byteLength = (end - begin) * source.RowByteLength;
        if (source.Pixels.Length - offset - byteLength >= OverreadByteLength)
            return source;
        byte[] copy = new byte[byteLength + OverreadByteLength];
        source.Pixels.AsSpan(offset, byteLength).CopyTo(copy);
        return new PixelRows(copy, source.Width, begin, end - begin);
    }
}
