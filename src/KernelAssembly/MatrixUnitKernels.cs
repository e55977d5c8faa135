using Iced.Intel;
using Tessera.Compute.Kernels.Products;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>What drives the matrix units (AMX): tiles of 16 rows of 64 bytes.</summary>
internal static class MatrixUnitKernels
{
    private const int TileBytes = 1024,
        TileRowBytes = 64;

    private static readonly AssemblerRegisterTMM[] Tiles = [tmm0, tmm1, tmm2, tmm3, tmm4, tmm5, tmm6, tmm7];

    /// <summary>Takes the address of a configuration of 64 bytes and makes it this thread's; that of zeros gives the tiles back.</summary>
    public static void Configure(Assembler code)
    {
        code.ldtilecfg(__[Call]);
        code.ret();
    }

    /// <summary>Takes the address of 64 bytes and writes this thread's configuration there.</summary>
    public static void Save(Assembler code)
    {
        code.sttilecfg(__[Call]);
        code.ret();
    }

    /// <summary>
    /// Takes the address of a <see cref="MatrixUnitCall"/> and computes its 32 x 32 sums: sums (+)= a * b. Tiles 0 to 3 hold the sums, 4
    /// and 5 two tiles of a, 6 and 7 two of b.
    /// </summary>
    public static void Multiply(Assembler code)
    {
        Label zero = code.CreateLabel(),
            begin = code.CreateLabel(),
            loop = code.CreateLabel();
        code.cmp(__qword_ptr[Call + At<MatrixUnitCall>(nameof(MatrixUnitCall.AddsToSums))], 0);
        code.je(zero);
        EachSum(code, (tile, place) => code.tileloadd(tile, place));
        code.jmp(begin);
        code.Label(ref zero);
        for (int tile = 0; tile < 4; tile++)
            code.tilezero(Tiles[tile]);
        code.Label(ref begin);
        (AssemblerRegister64 a0, AssemblerRegister64 a1, AssemblerRegister64 b0, AssemblerRegister64 b1) = (rdx, r8, r9, r10);
        code.mov(a0, __qword_ptr[Call + At<MatrixUnitCall>(nameof(MatrixUnitCall.A0))]);
        code.mov(a1, __qword_ptr[Call + At<MatrixUnitCall>(nameof(MatrixUnitCall.A1))]);
        code.mov(b0, __qword_ptr[Call + At<MatrixUnitCall>(nameof(MatrixUnitCall.B0))]);
        code.mov(b1, __qword_ptr[Call + At<MatrixUnitCall>(nameof(MatrixUnitCall.B1))]);
        code.mov(Steps, __qword_ptr[Call + At<MatrixUnitCall>(nameof(MatrixUnitCall.TileCount))]);
        code.mov(eax, TileRowBytes);
        code.Label(ref loop);
        code.tileloadd(Tiles[4], __[a0 + rax]);
        code.tileloadd(Tiles[6], __[b0 + rax]);
        code.tdpbf16ps(Tiles[0], Tiles[4], Tiles[6]);
        code.tileloadd(Tiles[7], __[b1 + rax]);
        code.tdpbf16ps(Tiles[1], Tiles[4], Tiles[7]);
        code.tileloadd(Tiles[5], __[a1 + rax]);
        code.tdpbf16ps(Tiles[2], Tiles[5], Tiles[6]);
        code.tdpbf16ps(Tiles[3], Tiles[5], Tiles[7]);
        foreach (AssemblerRegister64 operand in (AssemblerRegister64[])[a0, a1, b0, b1])
            code.add(operand, TileBytes);
        code.dec(Steps);
        code.jne(loop);
        EachSum(code, (tile, place) => code.tilestored(place, tile));
        code.ret();
    }

    // The four tiles of sums: 16 rows and 16 columns apart.
    private static void EachSum(Assembler code, Action<AssemblerRegisterTMM, AssemblerMemoryOperand> write)
    {
        code.mov(Sums, __qword_ptr[Call + At<MatrixUnitCall>(nameof(MatrixUnitCall.Sums))]);
        code.mov(SumStride, __qword_ptr[Call + At<MatrixUnitCall>(nameof(MatrixUnitCall.SumStride))]);
        code.mov(Walk, SumStride);
        code.shl(Walk, 4);
        code.add(Walk, Sums);
        write(Tiles[0], __[Sums + SumStride]);
        write(Tiles[1], __[Sums + SumStride + TileRowBytes]);
        write(Tiles[2], __[Walk + SumStride]);
        write(Tiles[3], __[Walk + SumStride + TileRowBytes]);
    }
}
