using Iced.Intel;
using Tessera.Compute.Kernels.Products;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>
/// Products of one row with columns of Q8_0 as they lie in memory; see <see cref="ColumnCall"/>. Two blocks at a time, whose sums are kept
/// apart.
/// </summary>
internal static class ColumnDotKernels
{
    private const int Depth = 32,
        BlockBytes = 34,
        ScaleBytes = 2,
        AtOnce = 2;

    // Of a call: where the row's elements, scales and excess are read, and the next column and result.
    private static readonly AssemblerRegister64 Bytes = r8,
        Scales = r9,
        Excess = r10,
        Column = r11,
        Left = rax,
        Result = rdx;

    /// <summary>AVX-512 with VNNI: elements that count from -128 as bytes without signs, which the excess takes away again.</summary>
    public static void Wide(Assembler code) =>
        Write(
            code,
            () =>
            {
                code.mov(Left, unchecked((long)0x8080808080808080));
                code.vmovq(Xmm(15), Left);
                code.vpbroadcastq(Ymm(15), Xmm(15));
            },
            (block, sum) =>
            {
                AssemblerRegisterYMM elements = Ymm(4 + block),
                    products = Ymm(6 + block);
                code.vpxord(elements, Ymm(15), __ymmword_ptr[Column + (block * BlockBytes + ScaleBytes)]);
                code.vpbroadcastd(products, __dword_ptr[Excess + block * sizeof(int)]);
                code.evex.vpdpbusd(products, elements, __ymmword_ptr[Bytes + block * Depth]);
                Scale(code, block, products, sum);
            }
        );

    /// <summary>AVX2: sizes of the elements times x with their signs.</summary>
    public static void Narrow(Assembler code) =>
        Write(
            code,
            () =>
            {
                code.vpcmpeqw(Ymm(15), Ymm(15), Ymm(15));
                code.vpabsw(Ymm(15), Ymm(15));
            },
            (block, sum) =>
            {
                AssemblerRegisterYMM elements = Ymm(4 + block),
                    products = Ymm(6 + block),
                    x = Ymm(8 + block);
                code.vmovdqu(elements, __[Column + (block * BlockBytes + ScaleBytes)]);
                code.vmovdqu(x, __[Bytes + block * Depth]);
                code.vpsignb(x, x, elements);
                code.vpabsb(elements, elements);
                code.vpmaddubsw(products, elements, x);
                code.vpmaddwd(products, products, Ymm(15));
                Scale(code, block, products, sum);
            }
        );

    // Sums += integers times both scales.
    private static void Scale(Assembler code, int block, AssemblerRegisterYMM products, AssemblerRegisterYMM sum)
    {
        AssemblerRegisterYMM scale = Ymm(10 + block),
            ofRow = Ymm(12 + block);
        code.prefetcht1(__byte_ptr[Column + (BytesAhead + block * BlockBytes)]);
        code.vpbroadcastw(Xmm(10 + block), __word_ptr[Column + block * BlockBytes]);
        code.vcvtph2ps(scale, Xmm(10 + block));
        code.vbroadcastss(ofRow, __dword_ptr[Scales + block * sizeof(float)]);
        code.vmulps(scale, scale, ofRow);
        code.vcvtdq2ps(products, products);
        code.vfmadd231ps(sum, products, scale);
    }

    private static void Write(Assembler code, Action begin, Action<int, AssemblerRegisterYMM> multiply)
    {
        Label column = code.CreateLabel(),
            pair = code.CreateLabel(),
            last = code.CreateLabel(),
            done = code.CreateLabel();
        begin();
        code.mov(Result, __qword_ptr[Call + At<ColumnCall>(nameof(ColumnCall.Result))]);
        code.Label(ref column);
        code.mov(Column, __qword_ptr[Call + At<ColumnCall>(nameof(ColumnCall.Columns))]);
        code.mov(Bytes, __qword_ptr[Call + At<ColumnCall>(nameof(ColumnCall.Bytes))]);
        code.mov(Scales, __qword_ptr[Call + At<ColumnCall>(nameof(ColumnCall.Scales))]);
        code.mov(Excess, __qword_ptr[Call + At<ColumnCall>(nameof(ColumnCall.Excess))]);
        code.mov(Left, __qword_ptr[Call + At<ColumnCall>(nameof(ColumnCall.BlockCount))]);
        code.vxorps(Ymm(0), Ymm(0), Ymm(0));
        code.vxorps(Ymm(1), Ymm(1), Ymm(1));
        code.sub(Left, AtOnce);
        code.jl(last);
        code.Label(ref pair);
        multiply(0, Ymm(0));
        multiply(1, Ymm(1));
        code.add(Column, AtOnce * BlockBytes);
        code.add(Bytes, AtOnce * Depth);
        code.add(Scales, AtOnce * sizeof(float));
        code.add(Excess, AtOnce * sizeof(int));
        code.sub(Left, AtOnce);
        code.jge(pair);
        code.Label(ref last);
        code.test(Left, 1);
        code.je(done);
        multiply(0, Ymm(0));
        code.Label(ref done);
        SumLanes(code);
        code.vmovss(__dword_ptr[Result], Xmm(0));
        code.add(Result, sizeof(float));
        code.mov(Column, __qword_ptr[Call + At<ColumnCall>(nameof(ColumnCall.Stride))]);
        code.add(__qword_ptr[Call + At<ColumnCall>(nameof(ColumnCall.Columns))], Column);
        code.dec(__qword_ptr[Call + At<ColumnCall>(nameof(ColumnCall.ColumnCount))]);
        code.jg(column);
        code.vzeroupper();
        code.ret();
    }

    /// <summary>Adds up the lanes of the first two registers, into the first lane of the first.</summary>
    public static void SumLanes(Assembler code)
    {
        code.vaddps(Ymm(0), Ymm(0), Ymm(1));
        code.vextractf128(Xmm(1), Ymm(0), 1);
        code.vaddps(Xmm(0), Xmm(0), Xmm(1));
        code.vmovhlps(Xmm(1), Xmm(0), Xmm(0));
        code.vaddps(Xmm(0), Xmm(0), Xmm(1));
        code.vmovshdup(Xmm(1), Xmm(0));
        code.vaddss(Xmm(0), Xmm(0), Xmm(1));
    }
}
