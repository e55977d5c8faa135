using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
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

    /// <summary>Bytes of 256 elements of Q6_K.</summary>
    private const int Q6Bytes = 210;

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

    /// <summary>Eight columns of Q4_K that ggml has interleaved.</summary>
    /// <param name="source">The columns.</param>
    /// <param name="supers">Blocks of 256.</param>
    /// <param name="bytes">The row's elements.</param>
    /// <param name="rowScales">The row's scales.</param>
    /// <param name="rowSums">The sums of the row's blocks.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static Vector256<float> OfInterleavedQ4K(byte* source, int supers, byte* bytes, float* rowScales, float* rowSums)
    {
        const int Scales = 32,
            Nibbles = 128,
            SuperBytes = 1152,
            PackedScales = 12,
            Chunks = 4;
        // Pairs of lanes are a column's; of four columns each.
        Vector256<float> left = default,
            right = default,
            least = default;
        Vector256<byte> four = Vector256.Create((byte)15),
            spreadLeft = Vector256.LoadUnsafe(ref MemoryMarshal.GetReference(SpreadLeft)),
            spreadRight = Avx2.Add(spreadLeft, Vector256.Create((ushort)4).AsByte());
        for (int super = 0; super < supers; super++, source += SuperBytes, rowScales += Group, rowSums += Group)
        {
            Vector256<float> partLeft = default,
                partRight = default,
                down = default;
            byte* packed = source + Scales;
            byte* nibbles = source + Nibbles;
            for (int group = 0; group < Group; group += 2, packed += 2 * PackedScales)
            {
                Vector256<short> lowLeft = default,
                    lowRight = default,
                    highLeft = default,
                    highRight = default;
                for (int chunk = 0; chunk < Chunks; chunk++, nibbles += 2 * Depth, bytes += sizeof(long))
                {
                    Vector256<sbyte> x = Avx2.BroadcastScalarToVector256((long*)bytes).AsSByte(),
                        y = Avx2.BroadcastScalarToVector256((long*)(bytes + Depth)).AsSByte();
                    Sse.Prefetch1(nibbles + BytesAhead);
                    Vector256<byte> a = Avx.LoadVector256(nibbles),
                        b = Avx.LoadVector256(nibbles + Depth);
                    // At most 4 x 2 x 15 x 127 in each.
                    lowLeft = Avx2.Add(lowLeft, Avx2.MultiplyAddAdjacent(Avx2.And(a, four), x));
                    lowRight = Avx2.Add(lowRight, Avx2.MultiplyAddAdjacent(Avx2.And(b, four), x));
                    a = Avx2.And(Avx2.ShiftRightLogical(a.AsUInt16(), 4).AsByte(), four);
                    b = Avx2.And(Avx2.ShiftRightLogical(b.AsUInt16(), 4).AsByte(), four);
                    highLeft = Avx2.Add(highLeft, Avx2.MultiplyAddAdjacent(a, y));
                    highRight = Avx2.Add(highRight, Avx2.MultiplyAddAdjacent(b, y));
                }

                bytes += Depth;
                (ulong scales, ulong minima) = LeastScales(packed);
                Vector256<byte> each = Vector256.Create(scales).AsByte();
                Vector256<float> ofRow = Avx.BroadcastScalarToVector256(rowScales + group);
                partLeft = Fma.MultiplyAdd(Times(lowLeft, each, spreadLeft), ofRow, partLeft);
                partRight = Fma.MultiplyAdd(Times(lowRight, each, spreadRight), ofRow, partRight);
                down = Fma.MultiplyAdd(Singles((byte*)&minima), Avx.BroadcastScalarToVector256(rowSums + group), down);
                (scales, minima) = LeastScales(packed + PackedScales);
                each = Vector256.Create(scales).AsByte();
                ofRow = Avx.BroadcastScalarToVector256(rowScales + group + 1);
                partLeft = Fma.MultiplyAdd(Times(highLeft, each, spreadLeft), ofRow, partLeft);
                partRight = Fma.MultiplyAdd(Times(highRight, each, spreadRight), ofRow, partRight);
                down = Fma.MultiplyAdd(Singles((byte*)&minima), Avx.BroadcastScalarToVector256(rowSums + group + 1), down);
            }

            Vector256<float> scale = ElementConversion.HalvesToFloat(Vector128.Load((ushort*)source)),
                lower = ElementConversion.HalvesToFloat(Vector128.Load((ushort*)source + Group));
            left = Fma.MultiplyAdd(partLeft, Avx2.PermuteVar8x32(scale, Vector256.Create(0, 0, 1, 1, 2, 2, 3, 3)), left);
            right = Fma.MultiplyAdd(partRight, Avx2.PermuteVar8x32(scale, Vector256.Create(4, 4, 5, 5, 6, 6, 7, 7)), right);
            least = Fma.MultiplyAdd(lower, down, least);
        }

        Vector256<float> sums = Avx2.PermuteVar8x32(Avx.HorizontalAdd(left, right), Vector256.Create(0, 1, 4, 5, 2, 3, 6, 7));
        return sums - least;
    }

    // Each of the first four columns' scales in four words.
    private static ReadOnlySpan<byte> SpreadLeft =>
        [0, 128, 0, 128, 0, 128, 0, 128, 1, 128, 1, 128, 1, 128, 1, 128, 2, 128, 2, 128, 2, 128, 2, 128, 3, 128, 3, 128, 3, 128, 3, 128];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Times(Vector256<short> sums, Vector256<byte> scales, Vector256<byte> spread) =>
        Avx.ConvertToVector256Single(Avx2.MultiplyAddAdjacent(sums, Avx2.Shuffle(scales, spread).AsInt16()));

    /// <summary>Of eight interleaved columns of Q4_K, for each 32 elements: the columns' scales, then their least values.</summary>
    /// <param name="source">The columns.</param>
    /// <param name="supers">Blocks of 256.</param>
    /// <param name="scales">Gets 128 floats of each.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScalesOfInterleavedQ4K(byte* source, int supers, float* scales)
    {
        const int Packed = 32,
            PackedBytes = 12,
            SuperBytes = 1152;
        for (int super = 0; super < supers; super++, source += SuperBytes)
        {
            Vector256<float> scale = ElementConversion.HalvesToFloat(Vector128.Load((ushort*)source)),
                lower = -ElementConversion.HalvesToFloat(Vector128.Load((ushort*)source + Group));
            for (int group = 0; group < Group; group++, scales += 2 * Group)
            {
                (ulong own, ulong least) = LeastScales(source + Packed + group * PackedBytes);
                (Singles((byte*)&own) * scale).Store(scales);
                (Singles((byte*)&least) * lower).Store(scales + Group);
            }
        }
    }

    // Six bits each of eight scales and eight least values, the upper two of the last four apart.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (ulong Scales, ulong Minima) LeastScales(byte* packed)
    {
        const uint Six = 0x3f3f3f3f,
            Four = 0x0f0f0f0f,
            Two = 0x03030303;
        uint a = *(uint*)packed,
            b = *(uint*)(packed + 4),
            c = *(uint*)(packed + 8);
        return (a & Six | (ulong)(c & Four | (a >> 6 & Two) << 4) << 32, b & Six | (ulong)(c >> 4 & Four | (b >> 6 & Two) << 4) << 32);
    }

    /// <summary>A column of Q6_K.</summary>
    /// <param name="source">The column.</param>
    /// <param name="supers">Blocks of 256.</param>
    /// <param name="bytes">The row's elements.</param>
    /// <param name="rowScales">The row's scales.</param>
    /// <param name="rowHalves">The sums of the row's half blocks, times -32.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization), SkipLocalsInit]
    public static float OfQ6K(byte* source, int supers, byte* bytes, float* rowScales, float* rowHalves)
    {
        const int Lower = 128,
            Scales = 192,
            Halves = 2 * Group;
        Vector256<float> sum = default;
        Vector256<byte> four = Vector256.Create((byte)15),
            two = Vector256.Create((byte)0x30);
        for (int super = 0; super < supers; super++, source += Q6Bytes, rowScales += Group, rowHalves += Halves)
        {
            Vector256<float> even = default,
                odd = default;
            for (int half = 0; half < 2; half++, bytes += 4 * Depth)
            {
                Sse.Prefetch1(source + BytesAhead + half * Lower);
                Sse.Prefetch1(source + BytesAhead + half * Lower + 64);
                Vector256<byte> a = Vector256.Load(source + half * 64),
                    b = Vector256.Load(source + half * 64 + Depth),
                    upper = Vector256.Load(source + Lower + half * Depth);
                // The four blocks' scales, as words in each lane.
                Vector128<short> ofHalf = Sse41.ConvertToVector128Int16((sbyte*)source + Scales + half * Group);
                Vector256<byte> own = Vector256.Create(ofHalf, ofHalf).AsByte();
                float* ofRow = rowScales + half * 4;
                even = Fma.MultiplyAdd(Times((a & four) | (upper << 4 & two), bytes, own, 0), Vector256.Create(ofRow[0]), even);
                odd = Fma.MultiplyAdd(Times((b & four) | (upper << 2 & two), bytes + Depth, own, 1), Vector256.Create(ofRow[1]), odd);
                even = Fma.MultiplyAdd(Times((a >>> 4) | (upper & two), bytes + 2 * Depth, own, 2), Vector256.Create(ofRow[2]), even);
                odd = Fma.MultiplyAdd(Times((b >>> 4) | (upper >>> 2 & two), bytes + 3 * Depth, own, 3), Vector256.Create(ofRow[3]), odd);
            }

            even = Fma.MultiplyAdd(Singles((sbyte*)source + Scales), Vector256.Load(rowHalves), even);
            odd = Fma.MultiplyAdd(Singles((sbyte*)source + Scales + Group), Vector256.Load(rowHalves + Group), odd);
            sum = Fma.MultiplyAdd(even + odd, Vector256.Create(Half(source + Scales + Halves)), sum);
        }

        return Vector256.Sum(sum);
    }

    // 32 elements from 0 on times those of x, times the scale of each half.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Times(Vector256<byte> elements, byte* bytes, Vector256<byte> scales, int block)
    {
        // Words 2 * block and the one behind it.
        Vector256<short> own = Vector256.Create(
            Vector128.Create((short)(0x0100 + block * 0x0404)),
            Vector128.Create((short)(0x0302 + block * 0x0404))
        );
        Vector256<short> pairs = Avx2.MultiplyAddAdjacent(elements, Vector256.Load((sbyte*)bytes)),
            each = Avx2.Shuffle(scales, own.AsByte()).AsInt16();
        return Avx.ConvertToVector256Single(Avx2.MultiplyAddAdjacent(pairs, each));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Singles(byte* bytes) => Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Singles(sbyte* bytes) => Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(bytes));

    // Without a call, before which the sums would be put aside.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Half(byte* source) => ElementConversion.HalvesToFloat(Vector128.CreateScalar(*(ushort*)source)).ToScalar();
}
