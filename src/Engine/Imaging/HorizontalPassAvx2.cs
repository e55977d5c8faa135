using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Imaging;

/// <summary>
/// Windows in the form the 256-bit code reads: groups of four source pixels, each weight split as <c>high * 2^15 + low</c> so that
/// 16-bit multiply-adds give the exact 32-bit sum.
/// </summary>
internal sealed class PackedWindows : GroupedWindows<short>
{
    /// <summary>16-bit numbers of one group: 16 low parts, then 16 high parts, as the shuffled pixels meet them.</summary>
    public const int GroupLength = 32;

    /// <summary>Bits of the low part of a weight.</summary>
    public const int LowBits = 15;

    /// <summary>Packs every window.</summary>
    public PackedWindows(ResampleWindows windows)
        : base(windows, GroupLength)
    {
        for (int i = 0; i < windows.Count; i++)
            PackWeights(GroupOffsets[i], windows.Weights(i));
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
    /// <summary>Fills the windows' columns of four output rows from the same rows of the source.</summary>
    // The first picture of a process would otherwise be resized by unoptimized code.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(FourRows source, FourRows output, PackedWindows windows, int outputWidth)
    {
        // Per 128-bit lane, two neighbouring pixels as (red, red), (green, green), (blue, blue), 16 bits each.
        Vector256<byte> pairs = Vector256.Create(
            0,
            255,
            3,
            255,
            1,
            255,
            4,
            255,
            2,
            255,
            5,
            255,
            255,
            255,
            255,
            255,
            6,
            255,
            9,
            255,
            7,
            255,
            10,
            255,
            8,
            255,
            11,
            255,
            255,
            255,
            255,
            255
        );
        fixed (short* allWeights = windows.Weights)
        {
            for (int i = 0; i < windows.Starts.Length; i++)
            {
                long offset = windows.Starts[i] * RgbImage.BytesPerPixel;
                short* weights = allWeights + (long)windows.GroupOffsets[i] * PackedWindows.GroupLength;
                int groupCount = windows.GroupOffsets[i + 1] - windows.GroupOffsets[i];
                Vector256<int> low0 = default,
                    low1 = default,
                    low2 = default,
                    low3 = default;
                Vector256<int> high0 = default,
                    high1 = default,
                    high2 = default,
                    high3 = default;
                for (int group = 0; group < groupCount; group++)
                {
                    Vector256<short> low = Vector256.Load(weights),
                        high = Vector256.Load(weights + 16);
                    Accumulate(source.Row0 + offset, pairs, low, high, ref low0, ref high0);
                    Accumulate(source.Row1 + offset, pairs, low, high, ref low1, ref high1);
                    Accumulate(source.Row2 + offset, pairs, low, high, ref low2, ref high2);
                    Accumulate(source.Row3 + offset, pairs, low, high, ref low3, ref high3);
                    weights += PackedWindows.GroupLength;
                    offset += PackedWindows.GroupSize * RgbImage.BytesPerPixel;
                }
                Vector256<int> rows01 = Finish(low0, high0, low1, high1),
                    rows23 = Finish(low2, high2, low3, high3);
                output.Store(windows.FirstOutput + i, outputWidth, rows01, rows23);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Accumulate(
        byte* pixels,
        Vector256<byte> pairs,
        Vector256<short> low,
        Vector256<short> high,
        ref Vector256<int> lowSum,
        ref Vector256<int> highSum
    )
    {
        Vector256<short> values = Avx2.Shuffle(Avx2.BroadcastVector128ToVector256(pixels), pairs).AsInt16();
        lowSum = Avx2.Add(lowSum, Avx2.MultiplyAddAdjacent(values, low));
        highSum = Avx2.Add(highSum, Avx2.MultiplyAddAdjacent(values, high));
    }

    // Two rows' sums as [first row's red, green, blue, 0 | second row's].
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Finish(Vector256<int> lowA, Vector256<int> highA, Vector256<int> lowB, Vector256<int> highB)
    {
        Vector256<int> a = lowA + (highA << PackedWindows.LowBits),
            b = lowB + (highB << PackedWindows.LowBits);
        Vector256<int> sum = Avx2.Permute2x128(a, b, 0x20) + Avx2.Permute2x128(a, b, 0x31);
        return (sum + Vector256.Create(1 << (ResampleWindows.PrecisionBits - 1))) >> ResampleWindows.PrecisionBits;
    }
}
