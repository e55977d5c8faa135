using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Blocks of 16 columns as ggml's AMX kernels have them: quants of four elements of each column side by side, low bits and high bits
/// apart, then the scales. Source: ggml/src/ggml-cpu/amx/mmq.cpp, ggml 0.25.1, pack_B and pack_qs.
/// </summary>
internal static unsafe class PackedBlocks
{
    private const int Columns = MatrixUnit.TileRows,
        SuperDepth = 256,
        QuadBytes = Columns * sizeof(int),
        QuadsPerStep = MatrixUnit.TileDepth / sizeof(int);

    // Lengths of the low bits of a block of 256, and where its scales begin.
    private const int Nibbles = SuperDepth / 2 * Columns,
        Q5Scales = Nibbles + SuperDepth / 8 * Columns,
        Q6Scales = Nibbles + SuperDepth / 4 * Columns;

    public static bool IsKnown(ggml_type type) =>
        type
            is ggml_type.GGML_TYPE_Q4_0
                or ggml_type.GGML_TYPE_Q8_0
                or ggml_type.GGML_TYPE_Q4_K
                or ggml_type.GGML_TYPE_Q5_K
                or ggml_type.GGML_TYPE_Q6_K;

    /// <summary>Elements of a column in a block.</summary>
    public static int Depth(ggml_type type) =>
        type is ggml_type.GGML_TYPE_Q4_0 or ggml_type.GGML_TYPE_Q8_0 ? MatrixUnit.TileDepth : SuperDepth;

    public static int Bytes(ggml_type type) =>
        type switch
        {
            ggml_type.GGML_TYPE_Q4_0 => Columns * 18,
            ggml_type.GGML_TYPE_Q8_0 => Columns * (34 + sizeof(int)),
            ggml_type.GGML_TYPE_Q4_K => Columns * (144 + 4),
            ggml_type.GGML_TYPE_Q5_K => Columns * (176 + 4),
            _ => Columns * 210,
        };

    /// <summary>Unpacks a block; returns the end of its tiles.</summary>
    public static byte* Unpack(ggml_type type, byte* block, byte* tiles) =>
        type switch
        {
            ggml_type.GGML_TYPE_Q4_0 => UnpackQ4(block, tiles),
            ggml_type.GGML_TYPE_Q8_0 => UnpackQ8(block, tiles),
            ggml_type.GGML_TYPE_Q6_K => UnpackQ6K(block, tiles),
            _ => UnpackK(block, type == ggml_type.GGML_TYPE_Q5_K, tiles),
        };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static byte* UnpackQ4(byte* block, byte* tiles)
    {
        Vector512<float> scale = Halves(block + MatrixUnit.TileDepth / 2 * Columns),
            offset = scale * -8f;
        for (int quad = 0; quad < QuadsPerStep; quad++)
            tiles = Store(Low(block, quad), scale, offset, tiles);
        return tiles;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static byte* UnpackQ8(byte* block, byte* tiles)
    {
        Vector512<float> scale = Halves(block + MatrixUnit.TileDepth * Columns),
            offset = scale * -128f;
        Vector512<uint> sign = Vector512.Create(0x80808080u);
        for (int quad = 0; quad < QuadsPerStep; quad++)
            tiles = Store(Vector512.Load((uint*)(block + quad * QuadBytes)) ^ sign, scale, offset, tiles);
        return tiles;
    }

    // Eight groups of 32, each with a scale and a minimum; Q5_K has a fifth bit of eight quads in a byte.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static byte* UnpackK(byte* block, bool hasFifthBit, byte* tiles)
    {
        byte* scales = block + (hasFifthBit ? Q5Scales : Nibbles),
            minima = scales + 8 * Columns,
            halves = minima + 8 * Columns;
        Vector512<float> d = Halves(halves),
            dmin = Halves(halves + Columns * sizeof(ushort));
        int* minimum = stackalloc int[Columns];
        for (int group = 0; group < 8; group++)
        {
            // Two groups' minima lie side by side.
            for (int column = 0; column < Columns; column++)
                minimum[column] = minima[group / 2 * 2 * Columns + column * 2 + group % 2];
            Vector512<float> scale =
                d * Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load(scales + group * Columns)));
            Vector512<float> offset = -(dmin * Avx512F.ConvertToVector512Single(Vector512.Load(minimum)));
            Vector512<uint> fifth = hasFifthBit ? Vector512.Load((uint*)(block + Nibbles + group * QuadBytes)) : default;
            for (int quad = 0; quad < QuadsPerStep; quad++)
            {
                Vector512<uint> quants = Low(block, group * QuadsPerStep + quad);
                if (hasFifthBit)
                    quants |= ((fifth >>> quad) & Vector512.Create(0x01010101u)) << 4;
                tiles = Store(quants, scale, offset, tiles);
            }
        }

        return tiles;
    }

    // Sixteen groups of 16, each with a scale; two more bits of four quads in a byte.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static byte* UnpackQ6K(byte* block, byte* tiles)
    {
        byte* scales = block + Q6Scales;
        Vector512<float> d = Halves(scales + 16 * Columns);
        for (int group = 0; group < 16; group++)
        {
            Vector512<float> scale =
                    d * Avx512F.ConvertToVector512Single(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)scales + group * Columns))),
                offset = scale * -32f;
            Vector512<uint> high = Vector512.Load((uint*)(block + Nibbles + group * QuadBytes));
            for (int quad = 0; quad < 4; quad++)
                tiles = Store(
                    Low(block, group * 4 + quad) | (((high >>> (2 * quad)) & Vector512.Create(0x03030303u)) << 4),
                    scale,
                    offset,
                    tiles
                );
        }

        return tiles;
    }

    // Four bits of each of four elements; two quads share their bytes.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Low(byte* block, int quad) =>
        (Vector512.Load((uint*)(block + quad / 2 * QuadBytes)) >>> (quad % 2 * 4)) & Vector512.Create(0x0f0f0f0fu);

    // Four elements of each column, scaled, as two rows of pairs. Half a unit is added before the rest is cut off.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Store(Vector512<uint> quad, Vector512<float> scale, Vector512<float> offset, byte* tiles)
    {
        Vector512<uint> half = Vector512.Create(0x8000u),
            upper = Vector512.Create(0xffff0000u),
            low = Vector512.Create(0xffu);
        Vector512<uint> first = Scaled(quad & low, scale, offset) + half,
            second = Scaled((quad >>> 8) & low, scale, offset) + half;
        Vector512<uint> third = Scaled((quad >>> 16) & low, scale, offset) + half,
            fourth = Scaled(quad >>> 24, scale, offset) + half;
        ((first >>> 16) | (second & upper)).Store((uint*)tiles);
        ((third >>> 16) | (fourth & upper)).Store((uint*)(tiles + QuadBytes));
        return tiles + 2 * QuadBytes;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Scaled(Vector512<uint> quants, Vector512<float> scale, Vector512<float> offset) =>
        Avx512F.FusedMultiplyAdd(Avx512F.ConvertToVector512Single(quants.AsInt32()), scale, offset).AsUInt32();

    private static Vector512<float> Halves(byte* source)
    {
        float* values = stackalloc float[Columns];
        ElementConversion.HalvesToFloat(new ReadOnlySpan<ushort>(source, Columns), new Span<float>(values, Columns));
        return Vector512.Load(values);
    }
}
