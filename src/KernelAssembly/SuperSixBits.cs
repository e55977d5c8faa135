using Iced.Intel;
using Tessera.Compute.Kernels.Products;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.Compute.Kernels.Products.SuperBlockCall;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>
/// Products of one row with columns of Q6_K as they lie in memory: 128 elements at a time, whose lower four bits lie in 64 bytes and whose
/// upper two in 32. They count from -32, which the row's excess takes away. See <see cref="SuperBlockCall"/>.
/// </summary>
internal static class SuperSixBits
{
    private const int UpperBytes = 32,
        LowerBytes = 64;

    /// <summary>AVX-512 with VNNI: 64 elements in a vector, a scale to every four lanes.</summary>
    public static void Wide(Assembler code)
    {
        const int Total = 16,
            FirstSpread = 20,
            FourBits = 24,
            SixBits = 25,
            MovesLeft = 26,
            MovesRight = 27,
            Scales = 10,
            Scale = 6,
            Products = 5,
            Choose = 0xd8;
        for (int pair = 0; pair < PairCount; pair++)
            SuperBlocks.Spread(code, Zmm(FirstSpread + pair), [.. Enumerable.Range(0, 16).Select(lane => (byte)(4 * pair + lane / 4))]);
        SuperBlocks.Spread(code, Zmm(MovesLeft), [.. Enumerable.Repeat((byte)4, 8), .. Enumerable.Repeat((byte)2, 8)]);
        SuperBlocks.Spread(code, Zmm(MovesRight), [.. Enumerable.Repeat((byte)0, 8), .. Enumerable.Repeat((byte)2, 8)]);
        foreach ((int register, int bits) in ((int, int)[])[(FourBits, 0x0f0f0f0f), (SixBits, 0x3f3f3f3f)])
        {
            code.mov(eax, bits);
            code.vpbroadcastd(Zmm(register), eax);
        }

        SuperBlocks.EachColumn(
            code,
            BytesOfQ6K,
            () =>
            {
                code.vpxord(Zmm(Total), Zmm(Total), Zmm(Total));
                code.vpxord(Zmm(Total + 1), Zmm(Total + 1), Zmm(Total + 1));
            },
            () =>
            {
                SuperBlocks.Prefetch(code, 0, BytesOfQ6K);
                code.vpmovsxbd(Zmm(Scales), __xmmword_ptr[Columns + ScalesOfQ6K]);
                code.vcvtdq2ps(Zmm(Scales), Zmm(Scales));
                LoadScale(code, Scale);
                code.vbroadcastss(Zmm(Scale), Xmm(Scale));
                code.vmulps(Zmm(Scales), Zmm(Scales), Zmm(Scale));
                for (int pair = 0; pair < PairCount; pair++)
                {
                    int elements = 2 + pair % 2,
                        row = pair * PairBytes;
                    if (pair % 2 == 0)
                    {
                        code.vmovdqu32(Zmm(0), __[Columns + pair / 2 * LowerBytes]);
                        code.vbroadcasti64x4(Zmm(1), __ymmword_ptr[Columns + (UpperOfQ6K + pair / 2 * UpperBytes)]);
                        code.vpsllvd(Zmm(elements), Zmm(1), Zmm(MovesLeft));
                    }
                    else
                    {
                        code.vpsrld(Zmm(0), Zmm(0), 4);
                        code.vpsrlvd(Zmm(elements), Zmm(1), Zmm(MovesRight));
                    }

                    code.vpternlogd(Zmm(elements), Zmm(0), Zmm(FourBits), Choose);
                    code.vpandd(Zmm(elements), Zmm(elements), Zmm(SixBits));
                    code.vmovdqu32(Zmm(Products), __[Rows + (row + ExcessAt)]);
                    code.vpdpbusd(Zmm(Products), Zmm(elements), __[Rows + row]);
                    code.vcvtdq2ps(Zmm(Products), Zmm(Products));
                    code.vpermps(Zmm(Scale), Zmm(FirstSpread + pair), Zmm(Scales));
                    code.vmulps(Zmm(Scale), Zmm(Scale), __[Rows + (row + ScaleAt)]);
                    code.vfmadd231ps(Zmm(Total + pair % 2), Zmm(Products), Zmm(Scale));
                }
            },
            () =>
            {
                code.vaddps(Zmm(0), Zmm(Total), Zmm(Total + 1));
                code.vextractf64x4(Ymm(1), Zmm(0), 1);
                StoreSum(code);
            }
        );
    }

    /// <summary>AVX2: 32 elements in a vector, words of two products times their scale.</summary>
    public static void Narrow(Assembler code)
    {
        const int Upper = 2,
            Elements = 3,
            Other = 4,
            Sum = 10,
            Total = 11,
            Spread = 12,
            LowerWords = 13,
            TwoBits = 14,
            FourBits = 15;
        int aside = At<SuperBlockCall>(nameof(SuperBlockCall.Aside));
        SuperBlocks.Spread(code, LowerWords, 0x0000ffff0000ffff);
        SuperBlocks.Spread(code, TwoBits, 0x3030303030303030);
        SuperBlocks.Spread(code, FourBits, 0x0f0f0f0f0f0f0f0f);
        SuperBlocks.Spread(code, Spread, 0x0100010001000100);

        // The second of two scales for the upper eight words.
        code.mov(Walk, 0x0302030203020302);
        code.vmovq(Xmm(0), Walk);
        code.vpbroadcastq(Xmm(0), Xmm(0));
        code.vinserti128(Ymm(Spread), Ymm(Spread), Xmm(0), 1);
        SuperBlocks.EachColumn(
            code,
            BytesOfQ6K,
            () => code.vpxor(Ymm(Total), Ymm(Total), Ymm(Total)),
            () =>
            {
                SuperBlocks.Prefetch(code, 0, BytesOfQ6K);
                code.vpmovsxbw(Ymm(0), __xmmword_ptr[Columns + ScalesOfQ6K]);
                code.vmovdqu(__[Call + aside], Ymm(0));
                code.vpxor(Ymm(Sum), Ymm(Sum), Ymm(Sum));
                for (int block = 0; block < 2 * PairCount; block++)
                {
                    (int line, int quarter) = (block / PairCount, block % PairCount);
                    int row = block / 2 * PairBytes + block % 2 * VectorBytes;
                    if (quarter == 0)
                    {
                        code.vmovdqu(Ymm(0), __[Columns + line * LowerBytes]);
                        code.vmovdqu(Ymm(1), __[Columns + (line * LowerBytes + VectorBytes)]);
                        code.vmovdqu(Ymm(Upper), __[Columns + (UpperOfQ6K + line * UpperBytes)]);
                    }

                    if (quarter >= 2)
                        code.vpsrlw(Ymm(quarter % 2), Ymm(quarter % 2), 4);
                    code.vpand(Ymm(Elements), Ymm(quarter % 2), Ymm(FourBits));
                    if (quarter < 2)
                        code.vpsllw(Ymm(Other), Ymm(Upper), (byte)(4 - 2 * quarter));
                    else
                        code.vpsrlw(Ymm(Other), Ymm(Upper), (byte)(2 * quarter - 4));
                    code.vpand(Ymm(Other), Ymm(Other), Ymm(TwoBits));
                    code.vpor(Ymm(Elements), Ymm(Elements), Ymm(Other));
                    code.vpmaddubsw(Ymm(Elements), Ymm(Elements), __[Rows + row]);
                    // A word of each two takes the excess of four elements: none is above 2 x 63 x 127 + 8 x 16 x 127.
                    code.vpand(Ymm(Other), Ymm(LowerWords), __[Rows + (row + ExcessAt)]);
                    code.vpaddw(Ymm(Elements), Ymm(Elements), Ymm(Other));
                    code.vpbroadcastd(Ymm(Other), __dword_ptr[Call + (aside + block * sizeof(int))]);
                    code.vpshufb(Ymm(Other), Ymm(Other), Ymm(Spread));
                    code.vpmaddwd(Ymm(Elements), Ymm(Elements), Ymm(Other));
                    code.vcvtdq2ps(Ymm(Elements), Ymm(Elements));
                    code.vfmadd231ps(Ymm(Sum), Ymm(Elements), __[Rows + (row + ScaleAt)]);
                }

                LoadScale(code, Other);
                code.vbroadcastss(Ymm(Other), Xmm(Other));
                code.vfmadd231ps(Ymm(Total), Ymm(Sum), Ymm(Other));
            },
            () =>
            {
                code.vmovaps(Ymm(0), Ymm(Total));
                code.vpxor(Ymm(1), Ymm(1), Ymm(1));
                StoreSum(code);
            }
        );
    }

    private static void LoadScale(Assembler code, int register)
    {
        code.vpbroadcastw(Xmm(register), __word_ptr[Columns + ScaleOfQ6K]);
        code.vcvtph2ps(Xmm(register), Xmm(register));
    }

    private static void StoreSum(Assembler code)
    {
        ColumnDotKernels.SumLanes(code);
        code.vmovss(__dword_ptr[Sums], Xmm(0));
        code.add(Sums, sizeof(float));
    }
}
