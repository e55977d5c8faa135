using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Products of one row with columns of the weight as they lie in memory, which is what decoding one token waits for: every element is read
/// once, and little more is done. Layouts: ggml 0.25.1, src/ggml-common.h, src/ggml-quants.c and src/ggml-cpu/repack.cpp.
/// </summary>
internal static unsafe class ColumnDots
{
    private const int Q8Bytes = Q8Blocks.ByteLength,
        Depth = RowQuantizing.Depth,
        Group = 8;

    // The processor's own guesses of what is read next end with each page.
    private const int BytesAhead = 16384;

    /// <summary>A column of Q8_0.</summary>
    /// <remarks>One at a time: memory is read twice as fast along one column as along two.</remarks>
    /// <param name="source">The column.</param>
    /// <param name="blocks">Blocks of 32.</param>
    /// <param name="bytes">The row's elements.</param>
    /// <param name="rowScales">The row's scales.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static float OfQ8(byte* source, int blocks, byte* bytes, float* rowScales)
    {
        Vector256<float> even = default,
            odd = default;
        float* scales = stackalloc float[Group];
        int block = 0;
        for (; block + Group <= blocks; block += Group)
        {
            (ScalesOf(source) * Vector256.Load(rowScales + block)).Store(scales);
            for (int index = 0; index < Group; index += 2, source += 2 * Q8Bytes, bytes += 2 * Depth)
            {
                even = Fma.MultiplyAdd(Product(source, bytes), Vector256.Create(scales[index]), even);
                odd = Fma.MultiplyAdd(Product(source + Q8Bytes, bytes + Depth), Vector256.Create(scales[index + 1]), odd);
            }
        }

        for (; block < blocks; block++, source += Q8Bytes, bytes += Depth)
            even = Fma.MultiplyAdd(Product(source, bytes), Vector256.Create(Half(source) * rowScales[block]), even);
        return Vector256.Sum(even + odd);
    }

    // The bytes of a block times those of x, four by four: sizes times x with the elements' signs.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Product(byte* block, byte* bytes)
    {
        Vector256<sbyte> elements = Vector256.Load((sbyte*)block + sizeof(ushort)),
            x = Vector256.Load((sbyte*)bytes);
        Vector256<short> pairs = Avx2.MultiplyAddAdjacent(Avx2.Sign(elements, elements).AsByte(), Avx2.Sign(x, elements));
        return Avx.ConvertToVector256Single(Avx2.MultiplyAddAdjacent(pairs, Vector256<short>.One));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> ScalesOf(byte* blocks)
    {
        Vector128<ushort> halves = Vector128.Create(
            *(ushort*)blocks,
            *(ushort*)(blocks + Q8Bytes),
            *(ushort*)(blocks + 2 * Q8Bytes),
            *(ushort*)(blocks + 3 * Q8Bytes),
            *(ushort*)(blocks + 4 * Q8Bytes),
            *(ushort*)(blocks + 5 * Q8Bytes),
            *(ushort*)(blocks + 6 * Q8Bytes),
            *(ushort*)(blocks + 7 * Q8Bytes)
        );
        return ElementConversion.HalvesToFloat(halves);
    }

    /// <summary>Of eight interleaved columns of Q4_K, for each 32 elements: the columns' scales, then their least values.</summary>
    /// <param name="source">The columns.</param>
    /// <param name="supers">Blocks of 256.</param>
    /// <param name="scales">Gets 128 floats of each.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScalesOfInterleavedQ4K(byte* source, int supers, float* scales)
    {
        const int Packed = SuperBlockCall.ScalesOfQ4K,
            PackedBytes = 12;
        for (int super = 0; super < supers; super++, source += SuperBlockCall.BytesOfQ4K)
        {
            Vector256<float> scale = ElementConversion.HalvesToFloat(Vector128.Load((ushort*)source)),
                lower = -ElementConversion.HalvesToFloat(Vector128.Load((ushort*)source + Group));
            for (int group = 0; group < Group; group++, scales += 2 * Group)
            {
                var packed = (uint*)(source + Packed + group * PackedBytes);
                (scale * QuantizedBlocks.Sixes(packed[0], packed[2])).Store(scales);
                (lower * QuantizedBlocks.Sixes(packed[1], packed[2] >> 4)).Store(scales + Group);
            }
        }
    }

    // Without a call, before which the sums would be put aside.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Half(byte* source) => ElementConversion.HalvesToFloat(Vector128.CreateScalar(*(ushort*)source)).ToScalar();
}
