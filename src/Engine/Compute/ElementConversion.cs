using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Tessera.Compute.Kernels.Code;
using Tessera.Gguf;
using Tessera.Native;

namespace Tessera.Compute;

/// <summary>Stored elements as float32: halves and Q8_0 with vectors, everything else by ggml's own conversions.</summary>
internal static unsafe class ElementConversion
{
    /// <summary>Whether a type can be converted to float32.</summary>
    public static bool IsConvertible(GgufTensorType type) => type == GgufTensorType.F32 || Traits(type)->to_float != null;

    /// <summary>Converts whole blocks; the values' number is that of the stored elements.</summary>
    public static void ToFloat(GgufTensorType type, ReadOnlySpan<byte> source, Span<float> values)
    {
        if (type == GgufTensorType.F32)
        {
            source.CopyTo(MemoryMarshal.AsBytes(values));
            return;
        }

        if (type == GgufTensorType.F16)
        {
            HalvesToFloat(MemoryMarshal.Cast<byte, ushort>(source), values);
            return;
        }

        if (type == GgufTensorType.Q8_0)
        {
            Q8Blocks.ToFloat(source, values);
            return;
        }

        fixed (byte* from = source)
        fixed (float* to = values)
            Traits(type)->to_float(from, to, values.Length);
    }

    /// <summary>Half precision to single, exactly; infinities and what is no number stay that. The values' number is that of the
    /// halves.</summary>
    public static void HalvesToFloat(ReadOnlySpan<ushort> halves, Span<float> values)
    {
        int done = HalfWidening.Widen(halves, values);
        done += WidenHalves(halves[done..], values[done..]);
        for (int index = done; index < values.Length; index++)
            values[index] = (float)BitConverter.UInt16BitsToHalf(halves[index]);
    }

    /// <summary>Eight halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> HalvesToFloat(Vector128<ushort> halves)
    {
        (Vector128<uint> lower, Vector128<uint> upper) = Vector128.Widen(halves);
        return Widen(Vector256.Create(lower, upper));
    }

    // As many as fill vectors; returns how many. ggml's is scalar in the prebuilt library.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int WidenHalves(ReadOnlySpan<ushort> halves, Span<float> values)
    {
        ref ushort source = ref MemoryMarshal.GetReference(halves);
        ref float target = ref MemoryMarshal.GetReference(values);
        int count = values.Length / Vector512<float>.Count * Vector512<float>.Count;
        for (nuint index = 0; index < (nuint)count; index += (nuint)Vector512<float>.Count)
        {
            (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.LoadUnsafe(ref source, index));
            Widen(Vector512.Create(lower, upper)).StoreUnsafe(ref target, index);
        }

        return count;
    }

    // The exponent's bias grows from 15 to 127; infinities and NaNs keep the largest exponent; subnormals get their leading one by a
    // subtraction, which is exact.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Widen(Vector512<uint> half)
    {
        const uint ExponentMask = 0x7c00 << 13,
            Rebias = (127 - 15) << 23,
            One = 1 << 23;
        Vector512<uint> magnitude = (half & Vector512.Create(0x7fffu)) << 13,
            exponent = magnitude & Vector512.Create(ExponentMask);
        Vector512<uint> moved = magnitude + Vector512.Create(Rebias);
        moved += Vector512.Equals(exponent, Vector512.Create(ExponentMask)) & Vector512.Create(Rebias);
        Vector512<float> subnormal = (moved + Vector512.Create(One)).AsSingle() - Vector512.Create(Rebias + One).AsSingle();
        Vector512<float> value = Vector512.ConditionalSelect(
            Vector512.Equals(exponent, Vector512<uint>.Zero).AsSingle(),
            subnormal,
            moved.AsSingle()
        );
        return value | ((half & Vector512.Create(0x8000u)) << 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Widen(Vector256<uint> half)
    {
        const uint ExponentMask = 0x7c00 << 13,
            Rebias = (127 - 15) << 23,
            One = 1 << 23;
        Vector256<uint> magnitude = (half & Vector256.Create(0x7fffu)) << 13,
            exponent = magnitude & Vector256.Create(ExponentMask);
        Vector256<uint> moved = magnitude + Vector256.Create(Rebias);
        moved += Vector256.Equals(exponent, Vector256.Create(ExponentMask)) & Vector256.Create(Rebias);
        Vector256<float> subnormal = (moved + Vector256.Create(One)).AsSingle() - Vector256.Create(Rebias + One).AsSingle();
        Vector256<float> value = Vector256.ConditionalSelect(
            Vector256.Equals(exponent, Vector256<uint>.Zero).AsSingle(),
            subnormal,
            moved.AsSingle()
        );
        return value | ((half & Vector256.Create(0x8000u)) << 16).AsSingle();
    }

    private static ggml_type_traits* Traits(GgufTensorType type) => Ggml.ggml_get_type_traits((ggml_type)(int)type);
}
