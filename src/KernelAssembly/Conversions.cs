using Iced.Intel;
using Tessera.Compute.Kernels.Code;
using static Iced.Intel.AssemblerRegisters;
using static Tessera.KernelAssembly.Fields;
using static Tessera.KernelAssembly.Registers;

namespace Tessera.KernelAssembly;

/// <summary>Numbers of one format as those of another.</summary>
internal static class Conversions
{
    private const int Lanes = 8;

    /// <summary>Rows of half precision as single precision, 16 elements at a time; see <see cref="HalvesCall"/>.</summary>
    public static void WidenHalves(Assembler code)
    {
        AssemblerRegister64 row = Columns,
            source = Rows,
            target = Sums,
            stride = SumStride,
            count = Steps,
            rowCount = Walk;
        code.mov(row, __qword_ptr[Call + At<HalvesCall>(nameof(HalvesCall.Source))]);
        code.mov(target, __qword_ptr[Call + At<HalvesCall>(nameof(HalvesCall.Target))]);
        code.mov(rowCount, __qword_ptr[Call + At<HalvesCall>(nameof(HalvesCall.Rows))]);
        code.mov(stride, __qword_ptr[Call + At<HalvesCall>(nameof(HalvesCall.Stride))]);
        Label rows = code.CreateLabel(),
            loop = code.CreateLabel();
        code.Label(ref rows);
        code.mov(source, row);
        code.mov(count, __qword_ptr[Call + At<HalvesCall>(nameof(HalvesCall.Count))]);
        code.Label(ref loop);
        code.vcvtph2ps(Ymm(0), __xmmword_ptr[source]);
        code.vcvtph2ps(Ymm(1), __xmmword_ptr[source + Lanes * sizeof(ushort)]);
        code.vmovups(__[target], Ymm(0));
        code.vmovups(__[target + Lanes * sizeof(float)], Ymm(1));
        code.add(source, HalvesCall.AtOnce * sizeof(ushort));
        code.add(target, HalvesCall.AtOnce * sizeof(float));
        code.sub(count, HalvesCall.AtOnce);
        code.jg(loop);
        code.add(row, stride);
        code.dec(rowCount);
        code.jg(rows);
        code.vzeroupper();
        code.ret();
    }
}
