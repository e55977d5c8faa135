using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Tessera.KernelAssembly;

/// <summary>What each kernel keeps where: registers that both calling conventions let it overwrite.</summary>
internal static class Registers
{
    /// <summary>The address of the call: its fields hold all that a kernel is told.</summary>
    public static readonly AssemblerRegister64 Call = rcx;

    /// <summary>Where the rows' packed elements are read.</summary>
    public static readonly AssemblerRegister64 Rows = r8;

    /// <summary>Where the columns' packed elements are read.</summary>
    public static readonly AssemblerRegister64 Columns = r9;

    /// <summary>Where the sums of a row begin.</summary>
    public static readonly AssemblerRegister64 Sums = rdx;

    /// <summary>Bytes from a row of sums to the next.</summary>
    public static readonly AssemblerRegister64 SumStride = r10;

    /// <summary>Steps that are left.</summary>
    public static readonly AssemblerRegister64 Steps = r11;

    /// <summary>Walks along the rows of sums.</summary>
    public static readonly AssemblerRegister64 Walk = rax;

    /// <summary>One of the 32 registers of 512 bits.</summary>
    public static AssemblerRegisterZMM Zmm(int number) => new(Register.ZMM0 + number);

    /// <summary>One of the 32 registers of 256 bits, 16 of which AVX2 has.</summary>
    public static AssemblerRegisterYMM Ymm(int number) => new(Register.YMM0 + number);

    /// <summary>One of the 16 registers of 128 bits.</summary>
    public static AssemblerRegisterXMM Xmm(int number) => new(Register.XMM0 + number);
}
