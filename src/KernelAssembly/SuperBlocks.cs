using Iced.Intel;
using Tessera.Compute.Kernels.Products;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.Compute.Kernels.Products.SuperBlockCall;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>What kernels of a <see cref="SuperBlockCall"/> have in common.</summary>
internal static class SuperBlocks
{
    private const int LineBytes = 64;

    // Blocks that are left.
    private static readonly AssemblerRegister64 Left = r11;

    /// <summary>Walks along the columns and their blocks, and the row's with them.</summary>
    /// <param name="code">Gets the instructions.</param>
    /// <param name="blockBytes">Bytes of a block.</param>
    /// <param name="begin">Before a column.</param>
    /// <param name="multiply">A block.</param>
    /// <param name="end">Behind a column: stores its sums and moves <see cref="Sums"/> on.</param>
    public static void EachColumn(Assembler code, int blockBytes, Action begin, Action multiply, Action end)
    {
        Label column = code.CreateLabel(),
            block = code.CreateLabel();
        code.mov(Sums, __qword_ptr[Call + At<SuperBlockCall>(nameof(SuperBlockCall.Result))]);
        code.Label(ref column);
        code.mov(Columns, __qword_ptr[Call + At<SuperBlockCall>(nameof(SuperBlockCall.Columns))]);
        code.mov(Rows, __qword_ptr[Call + At<SuperBlockCall>(nameof(SuperBlockCall.Row))]);
        code.mov(Left, __qword_ptr[Call + At<SuperBlockCall>(nameof(SuperBlockCall.BlockCount))]);
        begin();
        code.Label(ref block);
        multiply();
        code.add(Columns, blockBytes);
        code.add(Rows, PairCount * PairBytes);
        code.dec(Left);
        code.jg(block);
        end();
        code.mov(Columns, __qword_ptr[Call + At<SuperBlockCall>(nameof(SuperBlockCall.Stride))]);
        code.add(__qword_ptr[Call + At<SuperBlockCall>(nameof(SuperBlockCall.Columns))], Columns);
        code.dec(__qword_ptr[Call + At<SuperBlockCall>(nameof(SuperBlockCall.Count))]);
        code.jg(column);
        code.vzeroupper();
        code.ret();
    }

    /// <summary>Asks for what lies far behind some bytes of a block.</summary>
    public static void Prefetch(Assembler code, int first, int last)
    {
        for (int line = first; line < last; line += LineBytes)
            code.prefetcht1(__byte_ptr[Columns + (BytesAhead + line)]);
    }

    /// <summary>Puts eight bytes into each quarter of one of the first sixteen registers; uses rax.</summary>
    public static void Spread(Assembler code, int register, long bytes)
    {
        code.mov(Walk, bytes);
        code.vmovq(Xmm(register), Walk);
        code.vpbroadcastq(Ymm(register), Xmm(register));
    }

    /// <summary>Puts sixteen small integers into a register's lanes; uses rax and xmm0.</summary>
    public static void Spread(Assembler code, AssemblerRegisterZMM target, ReadOnlySpan<byte> lanes)
    {
        code.mov(Walk, BitConverter.ToInt64(lanes));
        code.vmovq(Xmm(0), Walk);
        code.mov(Walk, BitConverter.ToInt64(lanes[sizeof(long)..]));
        code.vpinsrq(Xmm(0), Xmm(0), Walk, 1);
        code.vpmovzxbd(target, Xmm(0));
    }
}
