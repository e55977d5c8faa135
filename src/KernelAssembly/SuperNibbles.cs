using Iced.Intel;
using Tessera.Compute.Kernels.Products;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.Compute.Kernels.Products.SuperBlockCall;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>
/// Products of one row with eight columns of Q4_K as ggml interleaves them: eight bytes of each column at a time, whose lower bits are
/// elements of one group of 32 and whose upper bits are of the next. See <see cref="SuperBlockCall"/>.
/// </summary>
internal static class SuperNibbles
{
    private const int Chunks = 4,
        ChunkBytes = 64,
        ChunkDepth = 8,
        PackedPair = 24,
        PackedGroup = 12;

    // What unpacks scales: bytes of six, four and two bits, and by how much a pair is moved.
    private const int Packed = 8,
        Lower = 9,
        Upper = 10,
        SixBits = 12,
        TwoBits = 13,
        Moves = 14,
        FourBits = 15;

    /// <summary>AVX-512 with VNNI: both groups of all columns in each vector; the upper bits count sixteenfold.</summary>
    public static void Wide(Assembler code)
    {
        const int Total = 11,
            Sum = 17,
            Least = 18,
            Even = 20,
            Odd = 21,
            Low = 22,
            High = 23,
            Parts = 24,
            Elements = 4,
            Other = 5,
            X = 6;
        SuperBlocks.Spread(code, Zmm(Even), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]);
        SuperBlocks.Spread(code, Zmm(Odd), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31]);
        SetUnpacking(code);
        for (int group = 0; group < 2; group++)
        {
            code.mov(eax, BitConverter.SingleToInt32Bits(group == 0 ? 1 : 1f / 16));
            code.vpbroadcastd(Ymm(Elements + group), eax);
        }

        code.vinserti64x4(Zmm(Parts), Zmm(Elements), Ymm(Other), 1);
        code.vpbroadcastq(Zmm(Low), Xmm(FourBits));
        code.vpslld(Zmm(High), Zmm(Low), 4);
        SuperBlocks.EachColumn(
            code,
            BytesOfQ4K,
            () => code.vpxord(Zmm(Total), Zmm(Total), Zmm(Total)),
            () =>
            {
                code.vpxord(Zmm(Sum), Zmm(Sum), Zmm(Sum));
                code.vpxord(Zmm(Least), Zmm(Least), Zmm(Least));
                for (int pair = 0; pair < PairCount; pair++)
                {
                    SuperBlocks.Prefetch(code, BytesOfQ4K * pair / PairCount, BytesOfQ4K * (pair + 1) / PairCount);
                    UnpackScales(code, pair);
                    code.vpxor(Ymm(0), Ymm(0), Ymm(0));
                    code.vpxor(Ymm(1), Ymm(1), Ymm(1));
                    for (int chunk = 0; chunk < Chunks; chunk++)
                    {
                        int x = pair * PairBytes + chunk * ChunkDepth;
                        code.vmovdqu32(Zmm(Elements), __[Columns + ChunkAt(pair, chunk)]);
                        code.vpandd(Zmm(Other), Zmm(Elements), Zmm(Low));
                        code.vpandd(Zmm(Elements), Zmm(Elements), Zmm(High));
                        code.vpbroadcastq(Zmm(X), __qword_ptr[Rows + x]);
                        code.vpdpbusd(Zmm(0), Zmm(Other), Zmm(X));
                        code.vpbroadcastq(Zmm(X), __qword_ptr[Rows + (x + PairDepth / 2)]);
                        code.vpdpbusd(Zmm(1), Zmm(Elements), Zmm(X));
                    }

                    // The two integers of a column, of one group and of the next.
                    code.vmovdqa32(Zmm(Elements), Zmm(0));
                    code.vpermt2d(Zmm(Elements), Zmm(Even), Zmm(1));
                    code.vpermt2d(Zmm(0), Zmm(Odd), Zmm(1));
                    code.vpaddd(Zmm(Elements), Zmm(Elements), Zmm(0));
                    code.vcvtdq2ps(Zmm(Elements), Zmm(Elements));
                    code.vpmovzxbd(Zmm(Other), Xmm(Packed));
                    code.vcvtdq2ps(Zmm(Other), Zmm(Other));
                    code.vmulps(Zmm(Other), Zmm(Other), __[Rows + (pair * PairBytes + ScaleAt)]);
                    code.vmulps(Zmm(Other), Zmm(Other), Zmm(Parts));
                    code.vfmadd231ps(Zmm(Sum), Zmm(Elements), Zmm(Other));
                    code.vextracti128(Xmm(Packed), Ymm(Packed), 1);
                    code.vpmovzxbd(Zmm(Other), Xmm(Packed));
                    code.vcvtdq2ps(Zmm(Other), Zmm(Other));
                    code.vfmadd231ps(Zmm(Least), Zmm(Other), __[Rows + (pair * PairBytes + SumAt)]);
                }

                for (int half = 0; half < 2; half++)
                {
                    code.vcvtph2ps(Ymm(Elements + half), __xmmword_ptr[Columns + half * ColumnsOfQ4K * sizeof(ushort)]);
                    code.vinsertf64x4(Zmm(Elements + half), Zmm(Elements + half), Ymm(Elements + half), 1);
                }

                code.vfmadd231ps(Zmm(Total), Zmm(Sum), Zmm(Elements));
                code.vfnmadd231ps(Zmm(Total), Zmm(Least), Zmm(Other));
            },
            () =>
            {
                code.vextractf64x4(Ymm(Elements), Zmm(Total), 1);
                code.vaddps(Ymm(Elements), Ymm(Elements), Ymm(Total));
                code.vmovups(__[Sums], Ymm(Elements));
                code.add(Sums, VectorBytes);
            }
        );
    }

    /// <summary>AVX2: four columns in each vector, sums of words, none above 8 x 2 x 15 x 127.</summary>
    public static void Narrow(Assembler code)
    {
        const int Total = 4,
            Sum = 5,
            Least = 6,
            One = 7,
            FirstX = 8,
            Elements = 10,
            Other = 11,
            InOrder = 0xd8;
        int aside = At<SuperBlockCall>(nameof(SuperBlockCall.Aside));
        SetUnpacking(code);
        code.vpcmpeqw(Ymm(One), Ymm(One), Ymm(One));
        code.vpabsw(Ymm(One), Ymm(One));
        SuperBlocks.EachColumn(
            code,
            BytesOfQ4K,
            () => code.vpxor(Ymm(Total), Ymm(Total), Ymm(Total)),
            () =>
            {
                code.vpxor(Ymm(Sum), Ymm(Sum), Ymm(Sum));
                code.vpxor(Ymm(Least), Ymm(Least), Ymm(Least));
                for (int pair = 0; pair < PairCount; pair++)
                {
                    SuperBlocks.Prefetch(code, BytesOfQ4K * pair / PairCount, BytesOfQ4K * (pair + 1) / PairCount);
                    UnpackScales(code, pair);
                    code.vmovdqu(__[Call + aside], Ymm(Packed));
                    for (int words = 0; words < 4; words++)
                        code.vpxor(Ymm(words), Ymm(words), Ymm(words));
                    for (int chunk = 0; chunk < Chunks; chunk++)
                    {
                        for (int group = 0; group < 2; group++)
                            code.vpbroadcastq(
                                Ymm(FirstX + group),
                                __qword_ptr[Rows + (pair * PairBytes + group * PairDepth / 2 + chunk * ChunkDepth)]
                            );
                        for (int half = 0; half < 2; half++)
                        {
                            code.vmovdqu(Ymm(Elements), __[Columns + (ChunkAt(pair, chunk) + half * VectorBytes)]);
                            code.vpsrlw(Ymm(Other), Ymm(Elements), 4);
                            code.vpand(Ymm(Elements), Ymm(Elements), Ymm(FourBits));
                            code.vpand(Ymm(Other), Ymm(Other), Ymm(FourBits));
                            code.vpmaddubsw(Ymm(Elements), Ymm(Elements), Ymm(FirstX));
                            code.vpmaddubsw(Ymm(Other), Ymm(Other), Ymm(FirstX + 1));
                            code.vpaddw(Ymm(half), Ymm(half), Ymm(Elements));
                            code.vpaddw(Ymm(2 + half), Ymm(2 + half), Ymm(Other));
                        }
                    }

                    for (int group = 0; group < 2; group++)
                    {
                        int vectors = pair * PairBytes + group * VectorBytes;
                        for (int half = 0; half < 2; half++)
                            code.vpmaddwd(Ymm(Elements + half), Ymm(2 * group + half), Ymm(One));
                        code.vphaddd(Ymm(Elements), Ymm(Elements), Ymm(Other));
                        code.vpermq(Ymm(Elements), Ymm(Elements), InOrder);
                        code.vcvtdq2ps(Ymm(Elements), Ymm(Elements));
                        code.vpmovzxbd(Ymm(Other), __qword_ptr[Call + (aside + group * ColumnsOfQ4K)]);
                        code.vcvtdq2ps(Ymm(Other), Ymm(Other));
                        code.vmulps(Ymm(Other), Ymm(Other), __[Rows + (vectors + ScaleAt)]);
                        code.vfmadd231ps(Ymm(Sum), Ymm(Elements), Ymm(Other));
                        code.vpmovzxbd(Ymm(Other), __qword_ptr[Call + (aside + (2 + group) * ColumnsOfQ4K)]);
                        code.vcvtdq2ps(Ymm(Other), Ymm(Other));
                        code.vfmadd231ps(Ymm(Least), Ymm(Other), __[Rows + (vectors + SumAt)]);
                    }
                }

                code.vcvtph2ps(Ymm(Elements), __xmmword_ptr[Columns]);
                code.vcvtph2ps(Ymm(Other), __xmmword_ptr[Columns + ColumnsOfQ4K * sizeof(ushort)]);
                code.vfmadd231ps(Ymm(Total), Ymm(Sum), Ymm(Elements));
                code.vfnmadd231ps(Ymm(Total), Ymm(Least), Ymm(Other));
            },
            () =>
            {
                code.vmovups(__[Sums], Ymm(Total));
                code.add(Sums, VectorBytes);
            }
        );
    }

    private static int ChunkAt(int pair, int chunk) => NibblesOfQ4K + (pair * Chunks + chunk) * ChunkBytes;

    private static void SetUnpacking(Assembler code)
    {
        SuperBlocks.Spread(code, SixBits, 0x3f3f3f3f3f3f3f3f);
        SuperBlocks.Spread(code, TwoBits, 0x3030303030303030);
        SuperBlocks.Spread(code, FourBits, 0x0f0f0f0f0f0f0f0f);
        SuperBlocks.Spread(code, Moves, 4L << 32);
    }

    // Of two groups: eight scales of each, then eight least values of each, a byte each. Six bits, the upper two of the last four apart.
    private static void UnpackScales(Assembler code, int pair)
    {
        const int Apart = 0xaa,
            InOrder = 0xd8;
        int at = ScalesOfQ4K + pair * PackedPair;
        code.vmovdqu(Xmm(Packed), __[Columns + at]);
        code.vinserti128(Ymm(Packed), Ymm(Packed), __xmmword_ptr[Columns + (at + PackedGroup)], 1);
        code.vpand(Ymm(Lower), Ymm(Packed), Ymm(SixBits));
        code.vpsrld(Ymm(Upper), Ymm(Packed), 2);
        code.vpand(Ymm(Upper), Ymm(Upper), Ymm(TwoBits));
        code.vpshufd(Ymm(Packed), Ymm(Packed), Apart);
        code.vpsrlvd(Ymm(Packed), Ymm(Packed), Ymm(Moves));
        code.vpand(Ymm(Packed), Ymm(Packed), Ymm(FourBits));
        code.vpor(Ymm(Packed), Ymm(Packed), Ymm(Upper));
        code.vpunpckldq(Ymm(Packed), Ymm(Lower), Ymm(Packed));
        code.vpermq(Ymm(Packed), Ymm(Packed), InOrder);
    }
}
