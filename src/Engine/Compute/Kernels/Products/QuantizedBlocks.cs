using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Tessera.Native;

namespace Tessera.Compute.Kernels.Products;

/// <summary>
/// Quantized weights as blocks of 32 bytes with one or two scales, without leaving integers. Layouts: ggml 0.25.1, src/ggml-common.h, and
/// src/ggml-quants.c, dequantize_row_*.
/// </summary>
internal static unsafe class QuantizedBlocks
{
    private const int Bytes = 32,
        GroupsOfSuper = 8;

    /// <summary>Floats from a group's scale to the next's: eight columns' lie side by side.</summary>
    public const int ScaleStride = CellTransposing.Block;

    // The values of IQ4_NL and IQ4_XS (kvalues_iq4nl), from 128 on.
    private static readonly Vector256<byte> Uneven = Vector256.Create(
        Vector128.Create((byte)1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241),
        Vector128.Create((byte)1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241)
    );

    /// <summary>The layout of a type's blocks of bytes; null for types that come as floats.</summary>
    public static BlockLayout? LayoutOf(ggml_type type) =>
        type switch
        {
            ggml_type.GGML_TYPE_Q8_0
            or ggml_type.GGML_TYPE_Q4_0
            or ggml_type.GGML_TYPE_Q5_0
            or ggml_type.GGML_TYPE_IQ4_NL
            or ggml_type.GGML_TYPE_IQ4_XS => BlockLayout.Symmetric,
            ggml_type.GGML_TYPE_Q6_K => BlockLayout.Halved,
            ggml_type.GGML_TYPE_Q4_K or ggml_type.GGML_TYPE_Q5_K or ggml_type.GGML_TYPE_Q4_1 or ggml_type.GGML_TYPE_Q5_1 =>
                BlockLayout.Least,
            _ => null,
        };

    /// <summary>Bits of the elements of a type with a <see cref="LayoutOf"/>; 8 for those that are unevenly spread.</summary>
    public static int BitsOf(ggml_type type) =>
        type switch
        {
            ggml_type.GGML_TYPE_Q4_0 or ggml_type.GGML_TYPE_Q4_1 or ggml_type.GGML_TYPE_Q4_K => 4,
            ggml_type.GGML_TYPE_Q5_0 or ggml_type.GGML_TYPE_Q5_1 or ggml_type.GGML_TYPE_Q5_K => 5,
            ggml_type.GGML_TYPE_Q6_K => 6,
            _ => 8,
        };

    /// <summary>Unpacks whole blocks of a row.</summary>
    /// <param name="type">A type with a <see cref="LayoutOf"/>.</param>
    /// <param name="source">The first block.</param>
    /// <param name="count">Blocks of 32, whole ones of the type.</param>
    /// <param name="bytes">Gets the elements, from 128 on where there is no least value.</param>
    /// <param name="scales">Gets the groups' scales, <see cref="ScaleStride"/> floats apart.</param>
    /// <param name="least">Gets the least values, likewise.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(ggml_type type, byte* source, int count, byte* bytes, float* scales, float* least)
    {
        switch (type)
        {
            case ggml_type.GGML_TYPE_Q8_0:
                for (int block = 0; block < count; block++, source += 34)
                {
                    (Vector256.Load(source + 2) ^ Vector256.Create((byte)0x80)).Store(bytes + block * Bytes);
                    scales[block * ScaleStride] = Half(source);
                }

                break;
            case ggml_type.GGML_TYPE_Q4_0:
                for (int block = 0; block < count; block++, source += 18)
                {
                    Spread(Vector128.Load(source + 2), isEven: true).Store(bytes + block * Bytes);
                    scales[block * ScaleStride] = Half(source);
                }

                break;
            case ggml_type.GGML_TYPE_Q5_0:
                for (int block = 0; block < count; block++, source += 22)
                {
                    ((Nibbles(source + 6) | FifthBits(*(uint*)(source + 2))) + Vector256.Create((byte)(128 - 16))).Store(
                        bytes + block * Bytes
                    );
                    scales[block * ScaleStride] = Half(source);
                }

                break;
            case ggml_type.GGML_TYPE_IQ4_NL:
                for (int block = 0; block < count; block++, source += 18)
                {
                    Spread(Vector128.Load(source + 2), isEven: false).Store(bytes + block * Bytes);
                    scales[block * ScaleStride] = Half(source);
                }

                break;
            case ggml_type.GGML_TYPE_Q4_1:
                for (int block = 0; block < count; block++, source += 20)
                {
                    Nibbles(source + 4).Store(bytes + block * Bytes);
                    (scales[block * ScaleStride], least[block * ScaleStride]) = (Half(source), Half(source + 2));
                }

                break;
            case ggml_type.GGML_TYPE_Q5_1:
                for (int block = 0; block < count; block++, source += 24)
                {
                    (Nibbles(source + 8) | FifthBits(*(uint*)(source + 4))).Store(bytes + block * Bytes);
                    (scales[block * ScaleStride], least[block * ScaleStride]) = (Half(source), Half(source + 2));
                }

                break;
            default:
                UnpackSuper(type, source, count / GroupsOfSuper, bytes, scales, least);
                break;
        }
    }

    /// <summary>A block's elements of four bits, from 128 on: evenly spread, or as IQ4_NL spreads them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Spread(Vector128<byte> nibbles, bool isEven) =>
        isEven ? Nibbles(nibbles) + Vector256.Create((byte)(128 - 8)) : Avx2.Shuffle(Uneven, Nibbles(nibbles));

    // Super-blocks of 256.
    private static void UnpackSuper(ggml_type type, byte* source, int count, byte* bytes, float* scales, float* least)
    {
        for (int super = 0; super < count; super++, bytes += GroupsOfSuper * Bytes)
        {
            switch (type)
            {
                case ggml_type.GGML_TYPE_Q4_K:
                    LeastScales(source, scales, least);
                    for (int pair = 0; pair < 4; pair++)
                        StoreNibbles(Vector256.Load(source + 16 + pair * Bytes), default, default, bytes + 2 * pair * Bytes);
                    source += 144;
                    break;
                case ggml_type.GGML_TYPE_Q5_K:
                    LeastScales(source, scales, least);
                    Vector256<byte> fifth = Vector256.Load(source + 16);
                    for (int pair = 0; pair < 4; pair++)
                        StoreNibbles(
                            Vector256.Load(source + 48 + pair * Bytes),
                            (fifth >>> (2 * pair) & Vector256<byte>.One) << 4,
                            (fifth >>> (2 * pair + 1) & Vector256<byte>.One) << 4,
                            bytes + 2 * pair * Bytes
                        );
                    source += 176;
                    break;
                case ggml_type.GGML_TYPE_Q6_K:
                    Sixths(source, bytes, scales);
                    source += 210;
                    break;
                default:
                    Unevens(source, bytes, scales);
                    source += 136;
                    break;
            }

            scales += GroupsOfSuper * (type == ggml_type.GGML_TYPE_Q6_K ? 2 : 1) * ScaleStride;
            least += GroupsOfSuper * ScaleStride;
        }
    }

    // Six bits each of eight scales and eight least values, four bits of the last ones apart from the upper two.
    private static void LeastScales(byte* source, float* scales, float* least)
    {
        float scale = Half(source),
            down = -Half(source + 2);
        var packed = (uint*)(source + 4);
        Vector256<float> eight = scale * Sixes(packed[0], packed[2]),
            eightLeast = down * Sixes(packed[1], packed[2] >> 4);
        for (int group = 0; group < GroupsOfSuper; group++)
            (scales[group * ScaleStride], least[group * ScaleStride]) = (eight[group], eightLeast[group]);
    }

    /// <summary>Eight numbers of six bits: of the first four these, of the others the upper two and, elsewhere, the lower four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Sixes(uint packed, uint lowerOfLast)
    {
        uint first = packed & 0x3f3f3f3f,
            last = (lowerOfLast & 0x0f0f0f0f) | (packed >> 2 & 0x30303030);
        return Avx.ConvertToVector256Single(Avx2.ConvertToVector256Int32(Vector128.Create(first, last, 0, 0).AsByte()));
    }

    // Lower four bits of 2 x 128, upper two of them, sixteen scales, and theirs.
    private static void Sixths(byte* source, byte* bytes, float* scales)
    {
        Vector256<byte> low = Vector256.Create((byte)15),
            two = Vector256.Create((byte)0x30),
            fromThirtyTwo = Vector256.Create((byte)(128 - 32));
        for (int half = 0; half < 2; half++)
        {
            Vector256<byte> a = Vector256.Load(source + half * 64),
                b = Vector256.Load(source + half * 64 + 32),
                upper = Vector256.Load(source + 128 + half * 32);
            byte* target = bytes + half * 128;
            (((a & low) | (upper << 4 & two)) + fromThirtyTwo).Store(target);
            (((b & low) | (upper << 2 & two)) + fromThirtyTwo).Store(target + 32);
            (((a >>> 4) | (upper & two)) + fromThirtyTwo).Store(target + 64);
            (((b >>> 4) | (upper >>> 2 & two)) + fromThirtyTwo).Store(target + 96);
        }

        float scale = Half(source + 208);
        for (int group = 0; group < 16; group++)
            scales[group * ScaleStride] = scale * ((sbyte*)source)[192 + group];
    }

    // IQ4_XS: six bits of each scale in two places.
    private static void Unevens(byte* source, byte* bytes, float* scales)
    {
        float scale = Half(source);
        int upper = *(ushort*)(source + 2);
        for (int group = 0; group < GroupsOfSuper; group++)
        {
            int bits = (source[4 + group / 2] >> (4 * (group % 2)) & 15) | (upper >> (2 * group) & 3) << 4;
            scales[group * ScaleStride] = scale * (bits - 32);
            Avx2.Shuffle(Uneven, Nibbles(source + 8 + group * 16)).Store(bytes + group * Bytes);
        }
    }

    // The lower four bits of 32, with a fifth, then the upper four.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreNibbles(Vector256<byte> nibbles, Vector256<byte> fifthOfLow, Vector256<byte> fifthOfHigh, byte* target)
    {
        ((nibbles & Vector256.Create((byte)15)) | fifthOfLow).Store(target);
        ((nibbles >>> 4) | fifthOfHigh).Store(target + Bytes);
    }

    // The lower four bits of 16, then the upper four.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Nibbles(byte* source) => Nibbles(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Nibbles(Vector128<byte> packed) => Vector256.Create(packed & Vector128.Create((byte)15), packed >>> 4);

    // A bit of each of 32 elements, as their fifth.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> FifthBits(uint bits)
    {
        Vector256<byte> ownByte = Vector256
            .Create(0x0000000000000000ul, 0x0101010101010101ul, 0x0202020202020202ul, 0x0303030303030303ul)
            .AsByte();
        Vector256<byte> ownBit = Vector256.Create(0x8040201008040201ul).AsByte(),
            spread = Avx2.Shuffle(Vector256.Create(bits).AsByte(), ownByte);
        return Vector256.Equals(spread & ownBit, ownBit) & Vector256.Create((byte)16);
    }

    // The runtime's own conversion is a call of many instructions. The product moves the exponent's bias, and makes subnormals normal.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Half(byte* source)
    {
        const uint Infinite = 0x7c00,
            Sign = 0x8000;
        const float Rebias = 5.192296858534828e33f; // 2 to the power 127 - 15
        uint half = *(ushort*)source;
        if ((half & Infinite) == Infinite)
            return (float)BitConverter.UInt16BitsToHalf((ushort)half);
        float size = BitConverter.UInt32BitsToSingle((half & ~Sign) << 13) * Rebias;
        return BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(size) | (half & Sign) << 16);
    }
}
