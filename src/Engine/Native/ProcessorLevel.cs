using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Tessera.Native;

/// <summary>
/// What an x64 processor can do, as far as LLamaSharp's builds ask (SciSharp/LLamaSharp, .github/workflows/compile.yml): the options that
/// each is compiled with, and not only those that its folder is named after.
/// </summary>
internal static class ProcessorLevel
{
    private static readonly (int Ecx1, int Ebx7, int Ecx7) Features = Read();

    /// <summary>What the folder <c>avx</c> needs: AVX, FMA, F16C and BMI2.</summary>
    public static bool HasAvx => HasState(StateOfAvx) && Has(Features.Ecx1, 28, 12, 29) && Has(Features.Ebx7, 8);

    /// <summary>What the folder <c>avx2</c> needs: AVX2 and the same.</summary>
    public static bool HasAvx2 => HasAvx && Has(Features.Ebx7, 5);

    /// <summary>What the folder <c>avx512</c> needs: AVX-512 F, DQ, CD, BW and VL, and on Windows also VBMI and VNNI.</summary>
    public static bool HasAvx512 =>
        HasAvx2
        && HasState(StateOfAvx512)
        && Has(Features.Ebx7, 16, 17, 28, 30, 31)
        && (!OperatingSystem.IsWindows() || Has(Features.Ecx7, 1, 11));

    /// <summary>Whether there are AVX-512's products of bytes.</summary>
    public static bool HasAvx512Vnni => HasAvx512 && Has(Features.Ecx7, 11);

    /// <summary>Whether there are AVX-512's products of bfloat16.</summary>
    public static bool HasAvx512Bf16 => HasAvx512 && Has(X86Base.CpuId(7, 1).Eax, 5);

    /// <summary>Whether there are products of bytes without AVX-512.</summary>
    public static bool HasAvxVnni => HasAvx2 && Has(X86Base.CpuId(7, 1).Eax, 4);

    private const int StateOfAvx = 2,
        StateOfAvx512 = 7;

    // Bits of CPUID's leaves 1 and 7.
    private static (int, int, int) Read()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < 13)
            return default;
        (_, int extended, int more, _) = X86Base.CpuId(7, 0);
        return (X86Base.CpuId(1, 0).Ecx, extended, more);
    }

    private static bool Has(int register, params ReadOnlySpan<int> bits)
    {
        foreach (int bit in bits)
        {
            if ((register >> bit & 1) == 0)
                return false;
        }

        return true;
    }

    // Whether the system keeps these registers when it changes threads. The runtime knows; a program compiled ahead of time knows only what
    // it was compiled for. So there the area that the system has enabled (leaf 13) must reach to the end of theirs.
    private static bool HasState(int component)
    {
        if (Avx512F.IsSupported || (component == StateOfAvx && Avx.IsSupported))
            return true;
        const int UsesXsave = 27,
            StateLeaf = 13;
        if (RuntimeFeature.IsDynamicCodeSupported || !Has(Features.Ecx1, UsesXsave))
            return false;
        (int size, int offset, _, _) = X86Base.CpuId(StateLeaf, component);
        return size > 0 && X86Base.CpuId(StateLeaf, 0).Ebx >= offset + size;
    }
}
