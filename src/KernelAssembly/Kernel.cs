using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Tessera.KernelAssembly;

/// <summary>A kernel: its name in the table, and what writes its instructions, which find the call's address in rcx and end with
/// ret.</summary>
/// <param name="Name">A C# name.</param>
/// <param name="Summary">What it computes.</param>
/// <param name="Write">Writes the body.</param>
/// <param name="KeepsVectors">Whether it leaves the registers xmm6 to xmm15 alone, which Windows' callers count on.</param>
internal sealed record Kernel(string Name, string Summary, Action<Assembler> Write, bool KeepsVectors = false)
{
    private const int FirstKept = 6,
        KeptCount = 10,
        VectorBytes = 16;

    // The caller has pushed its return address: with these bytes the stack is aligned to 16 again.
    private const int RoomBytes = KeptCount * VectorBytes + 8;

    /// <summary>
    /// The kernel's instructions: for the calling convention of System V, whose first argument is in rdi, at the start; for that of
    /// Windows, in rcx, where the second value says.
    /// </summary>
    public (byte[] Code, int WindowsEntry) Assemble()
    {
        var assembler = new Assembler(bitness: 64);
        Label body = assembler.CreateLabel(),
            windows = assembler.CreateLabel();
        assembler.mov(rcx, rdi);
        assembler.Label(ref body);
        Write(assembler);
        if (!KeepsVectors)
        {
            assembler.Label(ref windows);
            WriteWindowsEntry(assembler, body);
        }

        var code = new MemoryStream();
        AssemblerResult result = assembler.Assemble(new StreamCodeWriter(code), rip: 0, BlockEncoderOptions.ReturnNewInstructionOffsets);
        int entry = (int)result.GetLabelRIP(KeepsVectors ? body : windows);
        return (code.ToArray(), entry);
    }

    private static void WriteWindowsEntry(Assembler assembler, Label body)
    {
        assembler.sub(rsp, RoomBytes);
        for (int index = 0; index < KeptCount; index++)
            assembler.vmovups(__[rsp + index * VectorBytes], Registers.Xmm(FirstKept + index));
        assembler.call(body);
        for (int index = 0; index < KeptCount; index++)
            assembler.vmovups(Registers.Xmm(FirstKept + index), __[rsp + index * VectorBytes]);
        assembler.add(rsp, RoomBytes);
        assembler.ret();
    }
}
