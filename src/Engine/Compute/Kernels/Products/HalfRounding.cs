using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Tessera.Compute.Kernels.Products;

/// <summary>Single precision as pairs of bfloat16, rounded to nearest even; what is no number stays none.</summary>
internal static unsafe class HalfRounding
{
    private const uint Upper = 0xffff0000;

    /// <summary>Rounds an even number of elements; one that is missing at the end counts as zero.</summary>
    /// <param name="values">The elements.</param>
    /// <param name="count">How many.</param>
    /// <param name="pairs">Gets two elements each, the first one in the lower half.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pairs(float* values, int count, uint* pairs)
    {
        int index = 0;
        for (; index + 16 <= count; index += 16)
        {
            Vector256<ulong> low = Join(Vector256.Load(values + index)),
                high = Join(Vector256.Load(values + index + 8));
            Vector256.Narrow(low, high).Store(pairs + index / 2);
        }

        for (; index < count; index += 2)
            pairs[index / 2] = Round(values[index]) >> 16 | (index + 1 < count ? Round(values[index + 1]) & Upper : 0);
    }

    // Two elements in the lower half of each 64 bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> Join(Vector256<float> x)
    {
        Vector256<uint> bits = x.AsUInt32(),
            rounded = bits + Vector256.Create(0x7fffu) + ((bits >>> 16) & Vector256<uint>.One);
        rounded = Vector256.ConditionalSelect(Vector256.Equals(x, x).AsUInt32(), rounded, Vector256.Create(0x7fc00000u));
        Vector256<ulong> pair = rounded.AsUInt64();
        return ((pair >>> 16) & Vector256.Create(0xfffful)) | ((pair >>> 32) & Vector256.Create((ulong)Upper));
    }

    private static uint Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? 0x7fc00000u : bits + 0x7fff + ((bits >> 16) & 1);
    }
}
