using Iced.Intel;
using Tessera.Compute.Kernels.Products;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.Compute.Kernels.Products.LanesCall;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>
/// Products of eight rows, one in each lane, with eight columns of Q4_K as ggml interleaves them: four bytes of a column at a time, spread
/// to all lanes, whose lower bits are elements of one group of 32 and whose upper bits are of the next. See <see cref="LanesCall"/>.
/// </summary>
internal static class LaneNibbles
{
    // Columns at a time of AVX2, and its register of words that are one.
    private const int AtOnce = 4,
        One = 15;

    private const int Chunks = 4,
        ChunkBytes = 64,
        ColumnChunk = 8,
        HeaderBytes = 128,
        PairsOfSuper = 4,
        ScalesOfGroup = 2 * ColumnsOfQ4K * sizeof(float);
    private static readonly AssemblerRegister64 Supers = rax,
        Pairs = r11,
        Scales = r10;

    /// <summary>AVX-512 with VNNI: all eight columns at a time; ymm0 to ymm15 hold integers, ymm16 to ymm23 the sums.</summary>
    public static void Wide(Assembler code)
    {
        const int FirstSum = 16,
            LowX = 24,
            HighX = 25,
            Low = 26,
            High = 27,
            Four = 28;
        code.mov(Supers, 0x0f0f0f0f0f0f0f0f);
        code.vmovq(Xmm(0), Supers);
        code.evex.vpbroadcastq(Ymm(Four), Xmm(0));
        for (int column = 0; column < ColumnsOfQ4K; column++)
            code.vpxord(Ymm(FirstSum + column), Ymm(FirstSum + column), Ymm(FirstSum + column));
        EachPair(
            code,
            () =>
            {
                for (int integer = 0; integer < 2 * ColumnsOfQ4K; integer++)
                    code.vpxor(Ymm(integer), Ymm(integer), Ymm(integer));
                EachQuad(
                    quad =>
                    {
                        code.vmovdqu32(Ymm(LowX), __[Rows + quad * VectorBytes]);
                        code.vmovdqu32(Ymm(HighX), __[Rows + (BlockBytes + quad * VectorBytes)]);
                    },
                    (column, at) =>
                    {
                        code.vpandd(Ymm(Low), Ymm(Four), __dword_bcst[Columns + at]);
                        code.vpsrld(Ymm(High), __dword_bcst[Columns + at], 4);
                        code.vpandd(Ymm(High), Ymm(High), Ymm(Four));
                        code.evex.vpdpbusd(Ymm(column), Ymm(Low), Ymm(LowX));
                        code.evex.vpdpbusd(Ymm(ColumnsOfQ4K + column), Ymm(High), Ymm(HighX));
                    },
                    0,
                    ColumnsOfQ4K
                );
                for (int group = 0; group < 2; group++)
                    WideScales(code, group, FirstSum);
            }
        );
        code.mov(Sums, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.Sums))]);
        for (int column = 0; column < ColumnsOfQ4K; column++)
            code.vmovdqu32(__[Sums + column * VectorBytes], Ymm(FirstSum + column));
        code.vzeroupper();
        code.ret();
    }

    private static void WideScales(Assembler code, int group, int firstSum)
    {
        const int Scale = 29,
            Sum = 30,
            Product = 31;
        code.vmovdqu32(Ymm(Scale), __[Rows + (group * BlockBytes + ScaleAt)]);
        code.vmovdqu32(Ymm(Sum), __[Rows + (group * BlockBytes + SumAt)]);
        for (int column = 0; column < ColumnsOfQ4K; column++)
        {
            AssemblerRegisterYMM integer = Ymm(group * ColumnsOfQ4K + column);
            int scale = group * ScalesOfGroup + column * sizeof(float);
            code.vmulps(Ymm(Product), Ymm(Scale), __dword_bcst[Scales + scale]);
            code.vcvtdq2ps(integer, integer);
            code.evex.vfmadd231ps(Ymm(firstSum + column), integer, Ymm(Product));
            code.vfmadd231ps(Ymm(firstSum + column), Ymm(Sum), __dword_bcst[Scales + (scale + ScalesOfGroup / 2)]);
        }
    }

    /// <summary>AVX2: four columns at a time, sums of words, none above 8 x 2 x 15 x 127; the others stay in memory.</summary>
    public static void Narrow(Assembler code)
    {
        const int LowX = 8,
            HighX = 9,
            Low = 10,
            High = 11,
            Four = 14;
        code.mov(Supers, 0x0f0f0f0f0f0f0f0f);
        code.vmovq(Xmm(Four), Supers);
        code.vpbroadcastq(Ymm(Four), Xmm(Four));
        code.vpcmpeqw(Ymm(One), Ymm(One), Ymm(One));
        code.vpabsw(Ymm(One), Ymm(One));
        code.mov(Sums, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.Sums))]);
        code.vpxor(Ymm(0), Ymm(0), Ymm(0));
        for (int column = 0; column < ColumnsOfQ4K; column++)
            code.vmovups(__[Sums + column * VectorBytes], Ymm(0));
        EachPair(
            code,
            () =>
            {
                for (int first = 0; first < ColumnsOfQ4K; first += AtOnce)
                {
                    for (int word = 0; word < 2 * AtOnce; word++)
                        code.vpxor(Ymm(word), Ymm(word), Ymm(word));
                    int from = first;
                    EachQuad(
                        quad =>
                        {
                            code.vmovdqu(Ymm(LowX), __[Rows + quad * VectorBytes]);
                            code.vmovdqu(Ymm(HighX), __[Rows + (BlockBytes + quad * VectorBytes)]);
                        },
                        (column, at) =>
                        {
                            code.vpbroadcastd(Ymm(High), __dword_ptr[Columns + at]);
                            code.vpand(Ymm(Low), Ymm(High), Ymm(Four));
                            code.vpsrld(Ymm(High), Ymm(High), 4);
                            code.vpand(Ymm(High), Ymm(High), Ymm(Four));
                            code.vpmaddubsw(Ymm(Low), Ymm(Low), Ymm(LowX));
                            code.vpmaddubsw(Ymm(High), Ymm(High), Ymm(HighX));
                            code.vpaddw(Ymm(column - from), Ymm(column - from), Ymm(Low));
                            code.vpaddw(Ymm(AtOnce + column - from), Ymm(AtOnce + column - from), Ymm(High));
                        },
                        first,
                        AtOnce
                    );
                    for (int column = first; column < first + AtOnce; column++)
                        NarrowScales(code, column, column - first);
                }
            }
        );
        code.vzeroupper();
        code.ret();
    }

    private static void NarrowScales(Assembler code, int column, int firstWord)
    {
        const int Sum = 8,
            Scale = 12,
            Product = 13;
        code.vmovups(Ymm(Sum), __[Sums + column * VectorBytes]);
        for (int group = 0; group < 2; group++)
        {
            AssemblerRegisterYMM words = Ymm(group * AtOnce + firstWord);
            int scale = group * ScalesOfGroup + column * sizeof(float);
            code.vbroadcastss(Ymm(Scale), __dword_ptr[Scales + scale]);
            code.vmulps(Ymm(Product), Ymm(Scale), __[Rows + (group * BlockBytes + ScaleAt)]);
            code.vpmaddwd(words, words, Ymm(One));
            code.vcvtdq2ps(words, words);
            code.vfmadd231ps(Ymm(Sum), words, Ymm(Product));
            code.vbroadcastss(Ymm(Scale), __dword_ptr[Scales + (scale + ScalesOfGroup / 2)]);
            code.vfmadd231ps(Ymm(Sum), Ymm(Scale), __[Rows + (group * BlockBytes + SumAt)]);
        }

        code.vmovups(__[Sums + column * VectorBytes], Ymm(Sum));
    }

    // Two groups of 32 elements of all columns at a time.
    private static void EachPair(Assembler code, Action write)
    {
        Label super = code.CreateLabel(),
            pair = code.CreateLabel();
        code.mov(Columns, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.Columns))]);
        code.mov(Rows, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.Rows))]);
        code.mov(Scales, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.Scales))]);
        code.mov(Supers, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.BlockCount))]);
        code.Label(ref super);
        code.add(Columns, HeaderBytes);
        code.mov(Pairs, PairsOfSuper);
        code.Label(ref pair);
        for (int chunk = 0; chunk < Chunks; chunk++)
            code.prefetcht1(__byte_ptr[Columns + (BytesAhead + chunk * ChunkBytes)]);
        write();
        code.add(Columns, Chunks * ChunkBytes);
        code.add(Rows, 2 * BlockBytes);
        code.add(Scales, 2 * ScalesOfGroup);
        code.dec(Pairs);
        code.jg(pair);
        code.dec(Supers);
        code.jg(super);
    }

    private static void EachQuad(Action<int> load, Action<int, int> multiply, int firstColumn, int count)
    {
        for (int quad = 0; quad < QuadCount; quad++)
        {
            load(quad);
            for (int column = firstColumn; column < firstColumn + count; column++)
                multiply(column, quad / 2 * ChunkBytes + column * ColumnChunk + quad % 2 * Quad);
        }
    }
}
