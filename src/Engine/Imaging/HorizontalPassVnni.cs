using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Imaging;

/// <summary>The horizontal pass on four rows at a time with AVX-VNNI, which adds four byte products to a 32-bit sum at once.</summary>
internal static unsafe class HorizontalPassVnni
{
    /// <summary>Fills the windows' columns of four output rows from the same rows of the source.</summary>
    // The first picture of a process would otherwise be resized by unoptimized code.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run(FourRows source, FourRows output, SplitWindows windows, int outputWidth)
    {
        // Four pixels as four reds, four greens, four blues.
        Vector256<byte> planes = Vector256.Create(
            0,
            3,
            6,
            9,
            1,
            4,
            7,
            10,
            2,
            5,
            8,
            11,
            255,
            255,
            255,
            255,
            0,
            3,
            6,
            9,
            1,
            4,
            7,
            10,
            2,
            5,
            8,
            11,
            255,
            255,
            255,
            255
        );
        fixed (int* allWeights = windows.Weights)
        {
            for (int i = 0; i < windows.Starts.Length; i++)
            {
                long offset = windows.Starts[i] * RgbImage.BytesPerPixel;
                int* weights = allWeights + (long)windows.GroupOffsets[i] * SplitWindows.GroupLength;
                int* end = allWeights + (long)windows.GroupOffsets[i + 1] * SplitWindows.GroupLength;
                Vector256<int> low01 = default,
                    middle01 = default,
                    high01 = default,
                    low23 = default,
                    middle23 = default,
                    high23 = default;
                for (; weights < end; weights += SplitWindows.GroupLength)
                {
                    Vector256<byte> rows01 = Load(source.Row0 + offset, source.Row1 + offset, planes);
                    Vector256<byte> rows23 = Load(source.Row2 + offset, source.Row3 + offset, planes);
                    Vector256<sbyte> part = Vector256.Create(weights[0]).AsSByte();
                    low01 = AvxVnni.MultiplyWideningAndAdd(low01, rows01, part);
                    low23 = AvxVnni.MultiplyWideningAndAdd(low23, rows23, part);
                    part = Vector256.Create(weights[1]).AsSByte();
                    middle01 = AvxVnni.MultiplyWideningAndAdd(middle01, rows01, part);
                    middle23 = AvxVnni.MultiplyWideningAndAdd(middle23, rows23, part);
                    part = Vector256.Create(weights[2]).AsSByte();
                    high01 = AvxVnni.MultiplyWideningAndAdd(high01, rows01, part);
                    high23 = AvxVnni.MultiplyWideningAndAdd(high23, rows23, part);
                    offset += SplitWindows.GroupSize * RgbImage.BytesPerPixel;
                }
                output.Store(windows.FirstOutput + i, outputWidth, Finish(low01, middle01, high01), Finish(low23, middle23, high23));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Load(byte* lower, byte* upper, Vector256<byte> planes) =>
        Avx2.Shuffle(Avx2.InsertVector128(Vector128.Load(lower).ToVector256Unsafe(), Vector128.Load(upper), 1), planes);

    /// <summary>The bytes' values, not yet clamped, from the sums of their three parts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Finish(Vector256<int> low, Vector256<int> middle, Vector256<int> high) =>
        (low + (middle << 8) + (high << 16) + Vector256.Create(1 << (ResampleWindows.PrecisionBits - 1))) >> ResampleWindows.PrecisionBits;
}
