using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Compute.Kernels;

/// <summary>Functions of 16 floats at a time.</summary>
internal static unsafe class VectorMath
{
    // Below this the result is no normal number, and sums of such numbers are slow.
    private const float LeastExponent = -87.0f;

    /// <summary>
    /// e to the power x, for x of at most 0, within two units of the last place; 0 below -87.
    /// Source of the polynomial: Stephen L. Moshier, Cephes Math Library 2.2, single/expf.c.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        const byte nearest = 8;
        Vector512<float> n = Avx512F.RoundScale(x * Vector512.Create(1.44269504088896341f), nearest);
        Vector512<float> r = Avx512F.FusedMultiplyAddNegated(n, Vector512.Create(0.693359375f), x);
        r = Avx512F.FusedMultiplyAddNegated(n, Vector512.Create(-2.12194440e-4f), r);
        Vector512<float> p = Avx512F.FusedMultiplyAdd(Vector512.Create(1.9875691500e-4f), r, Vector512.Create(1.3981999507e-3f));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Avx512F.FusedMultiplyAdd(p, r * r, r + Vector512<float>.One);
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(LeastExponent)), Vector512<float>.Zero, Avx512F.Scale(p, n));
    }

    /// <summary>The greatest of 16 numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Greatest(Vector512<float> x)
    {
        Vector256<float> half = Vector256.Max(x.GetLower(), x.GetUpper());
        Vector128<float> quarter = Vector128.Max(half.GetLower(), half.GetUpper());
        quarter = Sse.Max(quarter, Sse.MoveHighToLow(quarter, quarter));
        return Sse.MaxScalar(quarter, Sse.Shuffle(quarter, quarter, 1)).ToScalar();
    }

    /// <summary>Half precision to single, exactly; infinities and what is no number stay that.</summary>
    /// <param name="source">The halves.</param>
    /// <param name="target">Room for as many floats.</param>
    /// <param name="count">How many.</param>
    public static void ToSingle(ushort* source, float* target, int count)
    {
        int index = 0;
        for (; index + TileProduct.Lanes <= count; index += TileProduct.Lanes) ToSingle(Vector256.Load(source + index)).Store(target + index);
        for (; index < count; index++) target[index] = (float)BitConverter.UInt16BitsToHalf(source[index]);
    }

    // The exponent's bias is 15 in a half and 127 in a single: shifted into place, the number is 2^112 too small.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> ToSingle(Vector256<ushort> halves)
    {
        Vector512<uint> bits = Avx512F.ConvertToVector512UInt32(halves), size = bits & Vector512.Create(0x7fffu), sign = (bits & Vector512.Create(0x8000u)) << 16;
        Vector512<uint> scaled = ((size << 13).AsSingle() * Vector512.Create(5.192296858534828e33f)).AsUInt32();
        Vector512<uint> unlimited = Vector512.GreaterThanOrEqual(size, Vector512.Create(0x7c00u)) & Vector512.Create(0x7f800000u);
        return (scaled | sign | unlimited).AsSingle();
    }
}
