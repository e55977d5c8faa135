using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Imaging;

/// <summary>Resizes columns: each output row is a weighted sum of source rows.</summary>
internal static unsafe class VerticalPass
{
    private const int Half = 1 << (ResampleWindows.PrecisionBits - 1);

    /// <summary>Fills the windows' rows of <paramref name="output"/>; <paramref name="source"/> holds all rows that they read, in the same
    /// width.</summary>
    public static void Run(PixelRows source, PixelRows output, ResampleWindows windows, ResampleOptions options)
    {
        bool wide = source.RowByteLength >= VerticalPassAvx2.BlockSize;
        SplitWindows? split = options.Code == ResampleCode.Best && SplitWindows.AreSupported && wide ? new SplitWindows(windows) : null;
        bool avx2 = options.Code is ResampleCode.Best or ResampleCode.Avx2 && Avx2.IsSupported && wide;
        bool vectors = options.Code != ResampleCode.Scalar && Vector128.IsHardwareAccelerated;
        options.ForEach(
            windows.Count,
            i =>
            {
                ReadOnlySpan<int> weights = windows.Weights(i);
                fixed (byte* from = &source.Pixels[source.Offset(windows.Start(i))])
                fixed (byte* to = &output.Pixels[output.Offset(windows.FirstOutput + i)])
                {
                    int byteCount = source.RowByteLength;
                    int done = 0;
                    if (split is not null)
                        done = VerticalPassVnni.Row(from, weights.Length, to, byteCount, split, i);
                    else if (avx2)
                        done = VerticalPassAvx2.Row(from, to, byteCount, weights);
                    else if (vectors)
                        done = VectorRow(from, to, byteCount, weights);
                    ScalarRow(from, to, done, byteCount, weights);
                }
            }
        );
    }

    private static void ScalarRow(byte* source, byte* output, int begin, int rowByteLength, ReadOnlySpan<int> weights)
    {
        for (int x = begin; x < rowByteLength; x++)
        {
            int sum = Half;
            byte* value = source + x;
            foreach (int weight in weights)
            {
                sum += *value * weight;
                value += rowByteLength;
            }
            output[x] = (byte)Math.Clamp(sum >> ResampleWindows.PrecisionBits, 0, 255);
        }
    }

    // Whole blocks of 16 bytes; returns how many bytes are done.
    private static int VectorRow(byte* source, byte* output, int rowByteLength, ReadOnlySpan<int> weights)
    {
        int x = 0;
        for (; x + Vector128<byte>.Count <= rowByteLength; x += Vector128<byte>.Count)
        {
            Vector128<int> sum0 = Vector128.Create(Half),
                sum1 = sum0,
                sum2 = sum0,
                sum3 = sum0;
            byte* values = source + x;
            foreach (int weight in weights)
            {
                (Vector128<ushort> lower, Vector128<ushort> upper) = Vector128.Widen(Vector128.Load(values));
                sum0 += Vector128.WidenLower(lower).AsInt32() * weight;
                sum1 += Vector128.WidenUpper(lower).AsInt32() * weight;
                sum2 += Vector128.WidenLower(upper).AsInt32() * weight;
                sum3 += Vector128.WidenUpper(upper).AsInt32() * weight;
                values += rowByteLength;
            }
            Vector128.Narrow(Narrow(sum0, sum1), Narrow(sum2, sum3)).Store(output + x);
        }
        return x;
    }

    private static Vector128<ushort> Narrow(Vector128<int> lower, Vector128<int> upper) =>
        Vector128.Narrow(Clamp(lower), Clamp(upper)).AsUInt16();

    private static Vector128<int> Clamp(Vector128<int> sum) =>
        Vector128.Clamp(sum >> ResampleWindows.PrecisionBits, Vector128<int>.Zero, Vector128.Create(255));
}
