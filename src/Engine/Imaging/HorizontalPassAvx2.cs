using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Imaging;

/// <summary>
/// Windows in the form the 256-bit code reads: groups of four source pixels, each weight split as <c>high * 2^15 + low</c> so that
/// 16-bit multiply-adds give the exact 32-bit sum.
/// </summary>
internal sealed class PackedWindows
{
    /// <summary>Source pixels of one group.</summary>
    public const int GroupSize = 4;

    /// <summary>16-bit numbers of one group: 16 low parts, then 16 high parts, as the shuffled pixels meet them.</summary>
    public const int GroupLength = 32;

    /// <summary>Bits of the low part of a weight.</summary>
    public const int LowBits = 15;

    /// <summary>How far past the last pixel of a window its loads may reach: three pixels of padding and the rest of 16 bytes.</summary>
    public const int OverreadByteLength = 16;

    private PackedWindows(int firstOutput, int count)
    {
        FirstOutput = firstOutput;
        Starts = new int[count];
        GroupOffsets = new int[count + 1];
        Weights = [];
    }

    public int FirstOutput { get; }
    public int[] Starts { get; }
    public int[] GroupOffsets { get; }
    public short[] Weights { get; private set; }

    /// <summary>Packs every window; weights of the padding are 0.</summary>
    public static PackedWindows Pack(ResampleWindows windows)
    {
        PackedWindows packed = new(windows.FirstOutput, windows.Count);
        for (int i = 0; i < windows.Count; i++)
        {
            packed.Starts[i] = windows.Start(i);
            packed.GroupOffsets[i + 1] = packed.GroupOffsets[i] + (windows.Weights(i).Length + GroupSize - 1) / GroupSize;
        }
        packed.Weights = new short[checked(packed.GroupOffsets[^1] * GroupLength)];
        for (int i = 0; i < windows.Count; i++)
            packed.PackWeights(packed.GroupOffsets[i], windows.Weights(i));
        return packed;
    }

    private void PackWeights(int firstGroup, ReadOnlySpan<int> weights)
    {
        for (int k = 0; k < weights.Length; k++)
        {
            Span<short> group = Weights.AsSpan((firstGroup + k / GroupSize) * GroupLength, GroupLength);
            int lane = (k % GroupSize) / 2 * 8 + k % 2;
            for (int channel = 0; channel < 4; channel++)
            {
                group[lane + channel * 2] = (short)(weights[k] & ((1 << LowBits) - 1));
                group[16 + lane + channel * 2] = (short)(weights[k] >> LowBits);
            }
        }
    }
}

/// <summary>The horizontal pass on four rows at a time with AVX2.</summary>
internal static unsafe class HorizontalPassAvx2
{
    private const int RowsAtOnce = 4;
    private const int RowsPerTask = 16;

    /// <summary>Fills the windows' columns of every output row from the same row of <paramref name="source"/>.</summary>
    public static void Run(PixelRows source, PixelRows output, PackedWindows windows, ResampleOptions options)
    {
        int endRow = output.FirstRow + output.RowCount;
        options.ForEach((output.RowCount + RowsPerTask - 1) / RowsPerTask, task =>
        {
            int begin = output.FirstRow + task * RowsPerTask;
            int end = Math.Min(begin + RowsPerTask, endRow);
            fixed (byte* to = output.Pixels)
            {
                for (int y = begin; y < end; y += RowsAtOnce)
                {
                    PixelRows readable = WithRoomToOverread(source, y, Math.Min(y + RowsAtOnce, end));
                    fixed (byte* from = readable.Pixels)
                        FourRows(new Rows(from, readable, y, end), new Rows(to, output, y, end), windows, output.Width);
                }
            }
        });
    }

    // The last rows of an array are copied to one with room behind them.
    private static PixelRows WithRoomToOverread(PixelRows source, int begin, int end)
    {
        int offset = source.Offset(begin), byteLength = (end - begin) * source.RowByteLength;
        if (source.Pixels.Length - offset - byteLength >= PackedWindows.OverreadByteLength) return source;
        byte[] copy = new byte[byteLength + PackedWindows.OverreadByteLength];
        source.Pixels.AsSpan(offset, byteLength).CopyTo(copy);
        return new PixelRows(copy, source.Width, begin, end - begin);
    }

    // Near the end, rows repeat: they are computed twice by one thread, to the same bytes.
    private readonly struct Rows(byte* start, PixelRows rows, int y, int end)
    {
        public readonly byte* Row0 = start + rows.Offset(y);
        public readonly byte* Row1 = start + rows.Offset(Math.Min(y + 1, end - 1));
        public readonly byte* Row2 = start + rows.Offset(Math.Min(y + 2, end - 1));
        public readonly byte* Row3 = start + rows.Offset(Math.Min(y + 3, end - 1));
    }

    private static void FourRows(Rows source, Rows output, PackedWindows windows, int outputWidth)
    {
        // Per 128-bit lane, two neighbouring pixels as (red, red), (green, green), (blue, blue), 16 bits each.
        Vector256<byte> pairs = Vector256.Create(
            0, 255, 3, 255, 1, 255, 4, 255, 2, 255, 5, 255, 255, 255, 255, 255,
            6, 255, 9, 255, 7, 255, 10, 255, 8, 255, 11, 255, 255, 255, 255, 255);
        fixed (short* allWeights = windows.Weights)
        {
            for (int i = 0; i < windows.Starts.Length; i++)
            {
                long offset = windows.Starts[i] * RgbImage.BytesPerPixel;
                short* weights = allWeights + (long)windows.GroupOffsets[i] * PackedWindows.GroupLength;
                int groupCount = windows.GroupOffsets[i + 1] - windows.GroupOffsets[i];
                Vector256<int> low0 = default, low1 = default, low2 = default, low3 = default;
                Vector256<int> high0 = default, high1 = default, high2 = default, high3 = default;
                for (int group = 0; group < groupCount; group++)
                {
                    Vector256<short> low = Vector256.Load(weights), high = Vector256.Load(weights + 16);
                    Accumulate(source.Row0 + offset, pairs, low, high, ref low0, ref high0);
                    Accumulate(source.Row1 + offset, pairs, low, high, ref low1, ref high1);
                    Accumulate(source.Row2 + offset, pairs, low, high, ref low2, ref high2);
                    Accumulate(source.Row3 + offset, pairs, low, high, ref low3, ref high3);
                    weights += PackedWindows.GroupLength;
                    offset += PackedWindows.GroupSize * RgbImage.BytesPerPixel;
                }
                Vector256<int> rows01 = Finish(low0, high0, low1, high1), rows23 = Finish(low2, high2, low3, high3);
                Store(output, windows.FirstOutput + i, outputWidth, rows01, rows23);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(
        byte* pixels, Vector256<byte> pairs, Vector256<short> low, Vector256<short> high, ref Vector256<int> lowSum, ref Vector256<int> highSum)
    {
        Vector256<short> values = Avx2.Shuffle(Avx2.BroadcastVector128ToVector256(pixels), pairs).AsInt16();
        lowSum = Avx2.Add(lowSum, Avx2.MultiplyAddAdjacent(values, low));
        highSum = Avx2.Add(highSum, Avx2.MultiplyAddAdjacent(values, high));
    }

    // Two rows' sums as [first row's red, green, blue, 0 | second row's].
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Finish(Vector256<int> lowA, Vector256<int> highA, Vector256<int> lowB, Vector256<int> highB)
    {
        Vector256<int> a = lowA + (highA << PackedWindows.LowBits), b = lowB + (highB << PackedWindows.LowBits);
        Vector256<int> sum = Avx2.Permute2x128(a, b, 0x20) + Avx2.Permute2x128(a, b, 0x31);
        return (sum + Vector256.Create(1 << (ResampleWindows.PrecisionBits - 1))) >> ResampleWindows.PrecisionBits;
    }

    // Writes four bytes a pixel, of which the last belongs to the pixel written next; the row's last pixel gets three.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Rows output, int x, int outputWidth, Vector256<int> rows01, Vector256<int> rows23)
    {
        Vector256<short> words = Avx2.PackSignedSaturate(rows01, rows23);
        Vector256<uint> bytes = Avx2.PackUnsignedSaturate(words, words).AsUInt32();
        StorePixel(output.Row0, x, outputWidth, bytes.GetElement(0));
        StorePixel(output.Row2, x, outputWidth, bytes.GetElement(1));
        StorePixel(output.Row1, x, outputWidth, bytes.GetElement(4));
        StorePixel(output.Row3, x, outputWidth, bytes.GetElement(5));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePixel(byte* row, int x, int outputWidth, uint pixel)
    {
        byte* target = row + x * RgbImage.BytesPerPixel;
        if (x + 1 < outputWidth)
        {
            Unsafe.WriteUnaligned(target, pixel);
            return;
        }
        target[0] = (byte)pixel;
        target[1] = (byte)(pixel >> 8);
        target[2] = (byte)(pixel >> 16);
    }
}
