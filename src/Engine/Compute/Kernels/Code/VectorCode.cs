using Tessera.Native;

namespace Tessera.Compute.Kernels.Code;

/// <summary>Chooses machine code for vectors by what the processor has, the user allows and a trial finds right.</summary>
internal static class VectorCode
{
    /// <summary>The entry of the first kernel that can be used and passes; 0 if there is none.</summary>
    /// <param name="wide">For AVX-512 with VNNI.</param>
    /// <param name="narrow">For AVX2.</param>
    /// <param name="passes">Compares a kernel's results with those of plain C#.</param>
    public static nint FirstOf(MachineCodeKernel wide, MachineCodeKernel narrow, Func<nint, bool> passes)
    {
        if (!KernelCode.IsAllowed)
            return 0;
        foreach (
            (MachineCodeKernel kernel, KernelLevel level, bool isThere) in (ReadOnlySpan<(MachineCodeKernel, KernelLevel, bool)>)
                [(wide, KernelLevel.Avx512, ProcessorLevel.HasAvx512Vnni), (narrow, KernelLevel.Avx2, ProcessorLevel.HasAvx2)]
        )
        {
            if (KernelLevels.Allowed >= level && isThere && KernelCode.Entry(kernel) is var entry && passes(entry))
                return entry;
        }

        return 0;
    }

    /// <summary>Which of both it is, as people read it.</summary>
    public static string Name =>
        KernelLevels.Allowed >= KernelLevel.Avx512 && ProcessorLevel.HasAvx512Vnni && KernelCode.IsAllowed
            ? "AVX-512 VNNI, int8"
            : "AVX2, int8";
}
