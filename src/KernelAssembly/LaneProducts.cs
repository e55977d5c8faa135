using Iced.Intel;
using Tessera.Compute.Kernels.Products;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.Compute.Kernels.Products.LanesCall;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>
/// Products of eight rows, one in each lane, with four columns of Q8_0 as they lie in memory: four elements of a column at a time, spread
/// to all lanes. See <see cref="LanesCall"/>.
/// </summary>
internal static class LaneProducts
{
    private const int BlockOfColumn = 34,
        ScaleBytes = 2;

    // Integers of a column, its sums, and what else there is.
    private const int FirstInteger = 0,
        FirstSum = 4,
        FirstSpread = 10,
        Elements = 8,
        Scale = 14,
        Constant = 15;

    // Bytes to the second column, and to the fourth.
    private static readonly AssemblerRegister64 Stride = r10,
        ThreeStrides = r11,
        Left = rax,
        Ahead = rdx;

    /// <summary>AVX-512 with VNNI: elements that count from -128 as bytes without signs, whose excess the integers begin with.</summary>
    public static void Wide(Assembler code)
    {
        code.mov(Left, unchecked((long)0x8080808080808080));
        code.vmovq(Xmm(Constant), Left);
        code.vpbroadcastq(Ymm(Constant), Xmm(Constant));
        Write(
            code,
            integer => code.vmovdqu(integer, __[Rows + ExcessAt]),
            (integer, spread, quad) =>
            {
                code.vpxord(spread, Ymm(Constant), __dword_bcst[quad]);
                code.evex.vpdpbusd(integer, spread, Ymm(Elements));
            }
        );
    }

    /// <summary>AVX2: sizes of the elements times x with their signs.</summary>
    public static void Narrow(Assembler code)
    {
        const int Signed = 9;
        code.vpcmpeqw(Ymm(Constant), Ymm(Constant), Ymm(Constant));
        code.vpabsw(Ymm(Constant), Ymm(Constant));
        Write(
            code,
            integer => code.vpxor(integer, integer, integer),
            (integer, spread, quad) =>
            {
                code.vpbroadcastd(spread, __dword_ptr[quad]);
                code.vpsignb(Ymm(Signed), Ymm(Elements), spread);
                code.vpabsb(spread, spread);
                code.vpmaddubsw(spread, spread, Ymm(Signed));
                code.vpmaddwd(spread, spread, Ymm(Constant));
                code.vpaddd(integer, integer, spread);
            }
        );
    }

    private static void Write(
        Assembler code,
        Action<AssemblerRegisterYMM> begin,
        Action<AssemblerRegisterYMM, AssemblerRegisterYMM, AssemblerMemoryOperand> multiply
    )
    {
        Label loop = code.CreateLabel();
        code.mov(Columns, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.Columns))]);
        code.mov(Stride, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.Stride))]);
        code.mov(Rows, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.Rows))]);
        code.mov(Left, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.BlockCount))]);
        code.lea(ThreeStrides, __[Stride + Stride * 2]);
        code.lea(Ahead, __[Columns + Stride * 4]);
        for (int column = 0; column < ColumnsOfQ8; column++)
            code.vxorps(Ymm(FirstSum + column), Ymm(FirstSum + column), Ymm(FirstSum + column));
        code.Label(ref loop);
        for (int column = 0; column < ColumnsOfQ8; column++)
        {
            begin(Ymm(FirstInteger + column));
            code.prefetcht1(__byte_ptr[Place(Ahead, column)]);
        }

        for (int quad = 0; quad < QuadCount; quad++)
        {
            code.vmovdqu(Ymm(Elements), __[Rows + quad * VectorBytes]);
            for (int column = 0; column < ColumnsOfQ8; column++)
                multiply(Ymm(FirstInteger + column), Ymm(FirstSpread + column), Place(Columns, column) + (ScaleBytes + quad * Quad));
        }

        code.vmovups(Ymm(Scale), __[Rows + ScaleAt]);
        for (int column = 0; column < ColumnsOfQ8; column++)
        {
            AssemblerRegisterYMM integer = Ymm(FirstInteger + column),
                scale = Ymm(FirstSpread + column);
            code.vpbroadcastw(Xmm(FirstSpread + column), __word_ptr[Place(Columns, column)]);
            code.vcvtph2ps(scale, Xmm(FirstSpread + column));
            code.vmulps(scale, scale, Ymm(Scale));
            code.vcvtdq2ps(integer, integer);
            code.vfmadd231ps(Ymm(FirstSum + column), integer, scale);
        }

        code.add(Columns, BlockOfColumn);
        code.add(Ahead, BlockOfColumn);
        code.add(Rows, BlockBytes);
        code.dec(Left);
        code.jg(loop);
        code.mov(Sums, __qword_ptr[Call + At<LanesCall>(nameof(LanesCall.Sums))]);
        for (int column = 0; column < ColumnsOfQ8; column++)
            code.vmovups(__[Sums + column * VectorBytes], Ymm(FirstSum + column));
        code.vzeroupper();
        code.ret();
    }

    private static AssemblerMemoryOperand Place(AssemblerRegister64 first, int column) =>
        column switch
        {
            0 => first + 0,
            1 => first + Stride,
            2 => first + Stride * 2,
            _ => first + ThreeStrides,
        };
}
